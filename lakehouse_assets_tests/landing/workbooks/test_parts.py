"""Parts that no sheet needs do no harm; a listed sheet without rows is named; what only looks like a workbook is told
by its content.
"""

import zipfile
from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.convert import convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import (
    MAIN,
    OFFICE,
    relationships,
    row,
    sheet,
    write_workbook,
)

CONTRACTS = read_contracts()
PRODUCTS = list(CONTRACTS["products"].names)
SOUND = sheet(row(*PRODUCTS), row(1, 2, "x", "y"))
UTF_16 = '<?xml version="1.0" encoding="utf-16"?><DataMashup>UEsDB</DataMashup>'.encode("utf-16")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("customXml/item1.xml", UTF_16),
        ("docProps/app.xml", "not XML"),
        ("xl/pivotCache/pivotCacheDefinition1.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("xl/pivotTables/_rels/pivotTable1.xml.rels", UTF_16),
        ("xl/tables/table1.xml", "<table"),
        ("xl/worksheets/_rels/sheet1.xml.rels", "<Relationships"),
        ("xl/drawings/drawing1.xml", b"\xff\xfe\0"),
        ("xl/theme/theme1.xml", b"\0"),
        ("xl/externalLinks/externalLink1.xml", "<"),
        ("xl/connections.xml", UTF_16),
        ("xl/vbaProject.bin", b"\0\1\2"),
        ("xl/media/image1.xml", " " * (70 << 20)),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith(("customXml", "docProps", "xl/")) else "",
)
def test_a_part_that_no_sheet_needs_does_not_condemn_the_workbook(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    book = write_workbook(tmp_path / "book.xlsx", {"S": SOUND}, parts={name: content})
    (only,) = convert_workbook(book, CONTRACTS, tmp_path / "csv")
    assert (only.dataset, only.rows) == ("products", 1)


def test_the_parts_that_no_sheet_needs_may_have_one_name(tmp_path: Path) -> None:
    book = write_workbook(
        tmp_path / "book.xlsx", {"S": SOUND}, parts={"customXml/item1.xml": "<a/>", "customXml/Item1.xml": "<b/>"}
    )
    assert [converted.rows for converted in convert_workbook(book, CONTRACTS, tmp_path / "csv")] == [1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '<mergeCells><mergeCell ref="nowhere"/></mergeCells>'),
        ('<dimension ref="zz"/>', ""),
        ("<dimension/><sheetViews/>", '<extLst><ext><c r="A9"><v>1</v></c></ext></extLst>'),
    ],
    ids=["merged cells", "dimension", "both sides"],
)
def test_what_stands_around_a_sheets_rows_does_not_condemn_it(tmp_path: Path, before: str, after: str) -> None:
    content = SOUND.replace("<sheetData>", f"{before}<sheetData>").replace("</sheetData>", f"</sheetData>{after}")
    (only,) = convert_workbook(write_workbook(tmp_path / "book.xlsx", {"S": content}), CONTRACTS, tmp_path / "csv")
    assert (only.dataset, only.rows) == ("products", 1)


def test_a_listed_sheet_without_a_worksheet_is_named_and_the_others_are_converted(tmp_path: Path) -> None:
    listed = {"rId1": "sound", "rId2": "no part", "rId3": "macros", "other": "no relation"}
    sheets = "".join(f'<sheet name="{name}" state="odd" r:id="{relation}"/>' for relation, name in listed.items())
    relations = (
        f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{OFFICE}/worksheet" Target="/xl/nowhere.xml"/>'
        f'<Relationship Id="rId3" Type="{OFFICE}/xlMacrosheet" Target="macrosheets/sheet1.xml"/>'
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(relations),
    }
    converted = convert_workbook(
        write_workbook(tmp_path / "book.xlsx", {"S": SOUND}, parts=parts), CONTRACTS, tmp_path / "csv"
    )
    assert [(each.name, each.dataset, each.rows, each.reason) for each in converted] == [
        ("sound", "products", 1, None),
        ("no part", None, 0, "its part xl/nowhere.xml is not in the workbook: save it with Excel again"),
        ("macros", None, 0, "a macro sheet: it has no rows"),
        (
            "no relation",
            None,
            0,
            "the workbook lists it but does not say which of its parts it is: save it with Excel again",
        ),
    ]


def test_a_workbook_whose_parts_have_other_names_is_read_by_its_relations(tmp_path: Path) -> None:
    """calamine goes by the usual names; a second set of parts under those is not what the workbook says."""
    relations = f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="pages/one.xml"/>'
    parts = {
        "_rels/.rels": relationships(f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="book/main.xml"/>'),
        "book/main.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="true" r:id="rId1"/></sheets></workbook>'
        ),
        "book/_rels/main.xml.rels": relationships(relations),
        "book/pages/one.xml": sheet(row(*PRODUCTS), row(1, 2, "x", "y"), row(2, 2, "x", "y")),
    }
    (only,) = convert_workbook(
        write_workbook(tmp_path / "book.xlsx", {"S": SOUND}, parts=parts), CONTRACTS, tmp_path / "csv"
    )
    assert (only.name, only.rows) == ("true", 2)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ("EncryptedPackage", "the workbook is encrypted: save it as .xlsx without a password"),
        (
            "Workbook",
            "the file is a workbook of the old format (.xls): open it with Excel or LibreOffice and save it as .xlsx",
        ),
        (
            "Book",
            "the file is a workbook of the old format (.xls): open it with Excel or LibreOffice and save it as .xlsx",
        ),
        ("WordDocument", "the file is a Word document (.doc): put its table into a workbook and save that as .xlsx"),
    ],
)
def test_what_is_in_an_ole_file_is_said(tmp_path: Path, stream: str, words: str) -> None:
    (tmp_path / "book.xlsx").write_bytes(OLE + f"{stream}\0".encode("utf-16-le") + bytes(600))
    assert reason(tmp_path / "book.xlsx") == words


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            ("mimetype", "content.xml"),
            "the file is an OpenDocument spreadsheet (.ods): open it with LibreOffice or Excel and save it as .xlsx",
        ),
        (("xl/workbook.bin", "_rels/.rels"), "the file is a binary workbook (.xlsb): save it as .xlsx"),
        (
            ("Index/Document.iwa",),
            "the file is a Numbers, Pages or Keynote document: export it as Excel (.xlsx) or CSV",
        ),
        (
            ("word/document.xml", "_rels/.rels"),
            "the file is a Word document (.docx): put its table into a workbook and save that as .xlsx",
        ),
        (
            ("a.csv", "b.csv", "readme"),
            (
                "the file is a zip archive of 3 files (2 of them CSV or .xlsx), not a workbook: unpack it and upload"
                " what is in it"
            ),
        ),
        (
            ("readme",),
            (
                "the file is a zip archive of something else, not an .xlsx workbook: unpack it and upload the CSV or"
                " .xlsx files in it"
            ),
        ),
    ],
)
def test_what_is_in_a_zip_archive_is_said(tmp_path: Path, members: tuple[str, ...], words: str) -> None:
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as archive:
        for member in members:
            archive.writestr(member, "application/vnd.oasis.opendocument.spreadsheet" if member == "mimetype" else "")
    assert reason(tmp_path / "book.xlsx") == words


def reason(path: Path) -> str:
    with pytest.raises(BadData) as caught:
        convert_workbook(path, CONTRACTS, path.parent / "csv")
    return str(caught.value)
