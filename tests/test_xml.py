"""Records of XML that others wrote are read as a stream, within limits."""

import pytest

from nucensus.errors import InputError
from nucensus.remote import xml
from nucensus.remote.json import read_json_object
from nucensus.remote.xml import read_records

PLATE = b"""<?xml version="1.0"?>
<e:Data xmlns:e="urn:x" xmlns="urn:y">
  <Plate PlateID="7"><Name> P one </Name><Well id="A1"/><Well id="A2"/></Plate>
  <e:Image e:Version="2"><URL>a.tif</URL><Row>1</Row><Row>9</Row><Empty/></e:Image>
  <Image>alone</Image>
  <Ignored><Image><URL>b&amp;c.tif</URL></Image></Ignored>
</e:Data>"""
MANY_FIELDS = b"".join(b"<f%d>1</f%d>" % (number, number) for number in range(10_001))


def test_records_have_attributes_children_and_their_own_text_without_prefixes():
    assert list(read_records(PLATE, ("Image", "Plate"))) == [
        ("Plate", {"PlateID": "7", "Name": "P one", "": ""}),
        ("Image", {"Version": "2", "URL": "a.tif", "Row": "1", "": ""}),
        ("Image", {"": "alone"}),
        ("Image", {"URL": "b&c.tif", "": ""}),
    ]


def test_records_in_records_come_in_the_order_they_end():
    nested = b'<a><Set id="1"><Image id="2"><Name>x</Name></Image><Name>y</Name></Set></a>'
    assert list(read_records(nested, ("Set", "Image"))) == [
        ("Image", {"id": "2", "Name": "x", "": ""}),
        ("Set", {"id": "1", "Name": "y", "": ""}),
    ]


def test_a_document_longer_than_what_is_read_at_a_time_is_read_whole(tmp_path):
    count = 20_000
    path = tmp_path / "index.xml"
    rows = "".join(f"<Image><URL>field-{number}.tif</URL></Image>" for number in range(count))
    path.write_text(f"<a>{rows}</a>")
    names = [fields["URL"] for _, fields in read_records(str(path), ("Image",))]
    assert names == [f"field-{number}.tif" for number in range(count)]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"<a><Image></a>", "not well formed"),
        (b"<a><Image/>", "not well formed"),
        (b"", "not well formed"),
        (b'<?xml version="1.0" encoding="none-such"?><a/>', "not well formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares entities"),
        (b"<a>" * 1001, "tags in tags without end"),
        (b"<a><Image>" + MANY_FIELDS, "a list of fields without end"),
    ],
)  # fmt: skip
def test_what_no_microscope_writes_is_refused(document, says):
    with pytest.raises(InputError, match=says):
        list(read_records(document, ("Image",)))


def test_a_deep_but_plausible_document_is_read():
    document = b"<a>" * 900 + b"<Image/>" + b"</a>" * 900
    assert list(read_records(document, ("Image",))) == [("Image", {"": ""})]


def test_a_tag_and_a_text_without_end_are_refused_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr(xml, "_MOST_IN_ONE_TAG", 1 << 19)
    monkeypatch.setattr(xml, "_MOST_TEXT", 1 << 12)
    with pytest.raises(InputError, match="a tag without end"):
        list(read_records(b"<Image a='" + b"x" * (1 << 20) + b"'/>", ("Image",)))
    with pytest.raises(InputError, match="a text without end"):
        list(read_records(b"<Image>" + b"x " * (1 << 12) + b"</Image>", ("Image",)))


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "index.xml").write_text("<a>")
    with pytest.raises(InputError, match=r"index\.xml': the XML is not well formed"):
        list(read_records(str(tmp_path / "index.xml"), ("Image",)))
    with pytest.raises(InputError, match=r"none\.xml' cannot be read: No such file"):
        list(read_records(str(tmp_path / "none.xml"), ("Image",)))


def test_a_json_object_is_read_and_nothing_else_is(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": [1]}')
    assert read_json_object(str(path)) == {"a": [1]}
    with pytest.raises(FileNotFoundError):
        read_json_object(str(tmp_path / "none.json"))
