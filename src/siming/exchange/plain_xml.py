"""XML of strangers, without the parts of XML that are attacks: no document type, no entities, no depth without end."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder, indent, tostring
from xml.parsers import expat

from siming.errors import SheetError
from siming.rating.spreadsheet import UnreadError

_DEEPEST = 100
_MOST_ELEMENTS = 2_000_000


class _Refused(Exception):
    """A construct that is not read."""


def read_xml(raw: bytes, name: str) -> Element:
    """The root element of an XML file.

    The parser is expat itself and not `xml.etree`, which has no switch for refusing a document type.

    Raises:
        SheetError: broken XML, a DOCTYPE (and with it every entity), or more elements or depth than a file of people has.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    depth = elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > _DEEPEST or elements > _MOST_ELEMENTS:
            raise _Refused("is nested or filled beyond measure")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def doctype(*_: object) -> None:
        raise _Refused("declares a document type or entities, which can be an attack")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.buffer_text = True
    try:
        parser.Parse(raw, True)
        return builder.close()
    except _Refused as cause:
        raise SheetError(f"{name}: {cause}; open it in the program that made it and save it again") from cause
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as cause:
        raise UnreadError(f"{name}: broken XML ({cause}); export it again", "xml", name=name) from cause


def xml_bytes(root: Element) -> bytes:
    """A document as UTF-8, indented; the same bytes each time. Texts must have gone through `without_controls`."""
    indent(root, space="  ")
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
