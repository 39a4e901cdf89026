"""What a reader decided on the way, said in either language."""

from __future__ import annotations

from dataclasses import dataclass

from siming.exchange.texts import texts


@dataclass(frozen=True)
class Remark:
    """A sentence with its values, kept apart from the language it is said in."""

    code: str
    """Key under ``remarks`` in the texts; or ``as_is``, where `values` hold the sentence in each language."""
    values: tuple[tuple[str, str | int], ...] = ()
    """Names and values, to be filled in."""

    def text(self, language: str) -> str:
        """The sentence in ``en`` or ``zh``."""
        values = dict(self.values)
        if self.code == "as_is":
            return str(values[language])
        sentence: str = texts(language)["remarks"][self.code]
        return sentence.format(**values)

    def __str__(self) -> str:
        return self.text("en")


def remark(code: str, **values: str | int) -> Remark:
    """A remark with its values by name."""
    return Remark(code, tuple(values.items()))
