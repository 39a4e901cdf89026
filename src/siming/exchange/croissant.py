"""Croissant metadata of a release: its files, its tables, and what responsible use needs to know.

Written directly, after Croissant 1.0 and its RAI vocabulary 1.0; the tests hold it against mlcroissant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from siming.exchange.escape import shown
from siming.exchange.selection import Selection
from siming.exchange.texts import texts

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The names of Croissant 1.0, as its specification lists them."""

_TYPES = {"string": "sc:Text", "double": "sc:Float", "int64": "sc:Integer", "bool": "sc:Boolean"}


def croissant(
    selection: Selection,
    tables: Mapping[str, Mapping[str, str]],
    files: Mapping[str, bytes],
    facts: Mapping[str, Any],
) -> bytes:
    """The metadata as JSON-LD.

    Args:
        tables: Columns of each table and the kind of their cells.
        files: The release so far; each table's file is among them.
        facts: What `release.facts_of` found.
    """
    info = selection.dataset.info
    words: Mapping[str, str] = texts("en")["croissant"]
    columns: Mapping[str, str] = words["columns"]  # type: ignore[assignment]
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": shown(info.name) or "dataset",
        "description": words["description"].format(attempts=len(selection.attempts), sheets=len(selection.sheets)),
        "license": shown(info.licence) or words["not_stated"],
        "version": shown(info.version),
        "citeAs": words["cite"].format(name=shown(info.name), version=shown(info.version)),
        "isLiveDataset": False,
        "distribution": [_file(name, files[f"data/{name}.parquet"]) for name in tables],
        "recordSet": [_record_set(name, kinds, columns) for name, kinds in tables.items()],
        "rai:dataCollection": shown(facts["provenance"]) or words["not_stated"],
        "rai:dataCollectionType": ["Observations", "Manual Human Curation"],
        "rai:dataAnnotationProtocol": words["protocol"],
        "rai:dataAnnotationPlatform": ["siming"],
        "rai:annotatorDemographics": [words["annotators"].format(n=len(facts["raters"]))],
        "rai:annotationsPerItem": ", ".join(map(str, facts["ratings_per_attempt"])) or "0",
        "rai:dataAnnotationAnalysis": facts["agreement"] or [words["no_agreement"]],
        "rai:machineAnnotationTools": sorted(
            kind for kind in facts["kinds"] if kind in ("model", "baseline", "examiner")
        ),
        "rai:personalSensitiveInformation": [
            words["personal"],
            words["consent"].format(consent=facts["consent"] or words["not_stated"]),
        ],
        "rai:dataUseCases": [words["uses"]],
        "rai:dataLimitations": [words["limits"]],
        "rai:dataBiases": [words["biases"]],
    }
    stated = {"url": facts["url"], "datePublished": facts["published"]}
    document |= {name: value for name, value in stated.items() if value is not None}
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def _file(name: str, content: bytes) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{name}.parquet",
        "name": f"{name}.parquet",
        "contentUrl": f"data/{name}.parquet",
        "contentSize": f"{len(content)} B",
        "encodingFormat": "application/x-parquet",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _record_set(name: str, kinds: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, Any]:
    fields = []
    for column, kind in kinds.items():
        one = kind.removeprefix("list<").removesuffix(">")
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": columns[column],
            "dataType": _TYPES[one],
            "source": {"fileObject": {"@id": f"{name}.parquet"}, "extract": {"column": column}},
        }
        if one != kind:
            field["repeated"] = True
        fields.append(field)
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}
