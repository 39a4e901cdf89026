"""Small files of programs that mark videos, written by hand after their public documentation. All say the same."""

from __future__ import annotations

import io
import json
import zipfile

from siming.exchange import Frames

FRAMES = Frames([0.0, 0.04, 0.08, 0.12, 0.2, 0.24, 0.28, 0.32, 0.36, 0.4], 0.44)
"""Ten pictures, and a gap behind the fourth: no fixed rate tells their times."""


def frames_of(attempt: str) -> Frames | None:
    return FRAMES if attempt == "A-1" else None


CVAT_VIDEO = b"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>5</id><name>first exam</name><size>10</size><mode>interpolation</mode><start_frame></start_frame>
  <stop_frame></stop_frame><frame_filter></frame_filter><labels><label><name>bmv01</name></label></labels></task>
  <dumped>2026-03-01 10:00:00</dumped><source>A-1.mp4</source></meta>
  <track id="0" label="bmv01">
    <box frame="2" outside="0" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="3" ybr="4"/>
    <box frame="3" outside="0" occluded="0" keyframe="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
    <box frame="4" outside="1" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="3" ybr="4"/>
    <box frame="6" outside="0" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="3" ybr="4"/>
  </track>
  <track id="1" label="mask"><polygon frame="0" outside="0" occluded="0" keyframe="1" points="1,2;3,4"/></track>
</annotations>
"""
CVAT_IMAGES = b"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>A-1</name><mode>annotation</mode><frame_filter>step=2</frame_filter></task></meta>
  <image id="1" name="frame_000002" width="64" height="48"><tag label="bmv01"/></image>
  <image id="2" name="frame_000004" width="64" height="48"><box label="bmv01" xtl="1" ytl="2" xbr="3" ybr="4"/></image>
  <image id="4" name="frame_000008" width="64" height="48"><tag label="bmv01"/></image>
</annotations>
"""


def coco(**changed: object) -> bytes:
    images = [{"id": n + 10, "video_id": 3, "frame_id": n, "file_name": f"A-1/{n:06d}.jpg"} for n in range(0, 10, 2)]
    seen = {1: (2, 4, 8), 2: (0,)}
    annotations = [
        {"id": 100 * category + n, "image_id": n + 10, "video_id": 3, "category_id": category, "bbox": [1, 2, 3, 4]}
        for category, numbers in seen.items()
        for n in numbers
    ]
    plain = {
        "videos": [{"id": 3, "name": "A-1.mp4"}],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "bmv01"}, {"id": 2, "name": "mask"}],
    }
    return json.dumps({**plain, **changed}).encode()


DATAVYU_DB = """#4
bmv01 (MATRIX,true,)-code01|NOMINAL,code02|NOMINAL
00:00:01:250,00:00:03:500,(y,early (a bit))
00:02:00:000,00:00:00:000,(,a text
of two lines)
mask (MATRIX,true,held by hand)-code01|NOMINAL
00:00:01:000,00:00:02:000,(x)
"""


def opf(db: str | bytes = DATAVYU_DB, **others: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("db", db)
        archive.writestr("project", "!project\nname: exam\nversion: 5\n")
        for name, content in others.items():
            archive.writestr(name, content)
    return stream.getvalue()


def via(**changed: object) -> bytes:
    plain = {
        "project": {"pid": "__VIA_PROJECT_ID__", "pname": "exam", "data_format_version": "3.1.1", "vid_list": ["1"]},
        "attribute": {
            "1": {"aname": "step", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"0": "bmv01", "1": "mask"}},
            "2": {"aname": "bmv02", "anchor_id": "FILE1_Z2_XY0", "type": 1, "options": {}},
        },
        "file": {"1": {"fid": "1", "fname": "A-1.mp4", "type": 4, "loc": 1, "src": ""}},
        "metadata": {
            "1_a": {"vid": "1", "flg": 0, "z": [1.25, 3.5], "xy": [], "av": {"1": "0"}},
            "1_b": {"vid": "1", "flg": 0, "z": [4.0, 5.0], "xy": [], "av": {"1": "1"}},
            "1_c": {"vid": "1", "flg": 0, "z": [6.5], "xy": [2, 1, 2, 3, 4], "av": {"2": "seal lost"}},
            "1_d": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"2": "the whole film"}},
        },
        "view": {"1": {"fid_list": ["1"]}},
    }
    return json.dumps({**plain, **changed}).encode()


HINTS = {"cvat": CVAT_VIDEO, "coco": coco(), "datavyu": opf(), "via": via()}
