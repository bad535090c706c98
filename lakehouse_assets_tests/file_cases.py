"""Files of one dataset that are laid out as spreadsheets, shops and people do it, and what must become of each: for the
table of faults.

Each shape comes from public bug reports: hint lines of Excel, titles, invisible characters in names, delimiters at the
ends of lines, blank rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse_assets_tests.support import PRODUCTS, csv_text, order, orders_csv, product, products_csv


@dataclass(frozen=True)
class Case:
    """A file under raw/products/ and what must become of it: `loaded` its rows in the table (product_id, department_id,
    department, product_name), `rejected` its rejected records (row number, reason)."""

    name: str
    content: bytes
    outcome: str
    reason: str = ""
    loaded: Sequence[tuple[Any, ...]] = ()
    rejected: Sequence[tuple[int, str]] = ()
    warning: str = ""


HEADER = ",".join(PRODUCTS)


def loaded(
    name: str, content: str | bytes, *rows: tuple[Any, ...], rejected: Sequence[tuple[int, str]] = (), warning: str = ""
) -> Case:
    return Case(
        name,
        content.encode() if isinstance(content, str) else content,
        "loaded",
        loaded=rows,
        rejected=rejected,
        warning=warning,
    )


def empty(name: str, content: bytes) -> Case:
    return Case(name, content, "empty")


def quarantined(name: str, content: bytes, reason: str) -> Case:
    return Case(name, content, "quarantined", reason)


def named(name: str, number: int) -> Case:
    """A sound file under an awkward name."""
    return loaded(name, products_csv(product(number)), product(number))


RESPELLED = "columns known by another spelling: "
IN_ROW_4 = "the header is in row 4; 3 rows above it were skipped"
SIX = "6 fields where the header has 4"


def blanks(number: int) -> str:
    return f"blank rows, left out: {number}"


LAYOUTS = [
    quarantined("an orders file.csv", orders_csv(order(1)).encode(), "has 6 columns of orders and 0 of products"),
    quarantined(
        "orders in its name.csv",
        f"{HEADER},order_id,user_id,order_num,date\n".encode(),
        "lies in the folder of products, its name says orders, and its header does not settle it",
    ),
    quarantined("unknown columns.csv", f"{HEADER},a,b,c,d,e\n".encode(), "has 5 columns that products does not know"),
    quarantined("NUL in the header.csv", f"{HEADER},a\0\n".encode(), "has a NUL character in its header"),
    quarantined("two spellings.csv", f"{HEADER},Product ID\n".encode(), 'product_id ("product_id", "Product ID")'),
    loaded(
        "invisible and other spellings.csv",
        "product_id\u200b,\uff24epartment\u00a0ID,department,product-name\n1090,2,Books,Atlas\n",
        product(1090),
        warning=(
            f'{RESPELLED}"product_id\\u200b" for product_id, "\uff24epartment\\xa0ID" for department_id, "product-name"'
            " for product_name"
        ),
    ),
    loaded(
        "a line break in the header.csv",
        '"product\nid",department_id,department,product_name\n1091,2,Books,Atlas\n',
        product(1091),
        warning=RESPELLED + '"product\\nid" for product_id',
    ),
    loaded(
        "sep line.csv",
        b"\xef\xbb\xbfsep=;\r\n" + csv_text(PRODUCTS, [product(1092), product(1093, "a,b")], ";", "\r\n").encode(),
        product(1092),
        product(1093, "a,b"),
    ),
    loaded("sep line in quotes.csv", '"sep=,"\n' + products_csv(product(1094)), product(1094)),
    loaded("sep line, other.csv", "SEP=^\n" + csv_text(PRODUCTS, [product(1095)], "^"), product(1095)),
    loaded(
        "titles.csv",
        f"Products of April\nmade,2025-05-01\n\n{HEADER}\n1096,2,Books,Atlas\nTotal,2,Books,1\n",
        product(1096),
        rejected=[(2, "product_id: not int")],
        warning=IN_ROW_4,
    ),
    loaded(
        "titles in quotes.csv",
        f'"Products\nof ""April"""\n"{HEADER}"\n{HEADER}\n1097,2,Books,Atlas\n',
        product(1097),
        warning=IN_ROW_4,
    ),
    quarantined(
        "header among the rows.csv",
        f"1,2,Books,Atlas\n{HEADER}\n3,2,Books,Globe\n".encode(),
        "has its header in row 2, and above it a row that may be data",
    ),
    quarantined(
        "titles above a wrong header.csv",
        b"April\n\nproduct_id,department_id,department,name\n1,2,Books,Atlas\n",
        "lacks required columns of products: product_name (it has instead: name) (row 3 was taken for the header)",
    ),
    loaded(
        "delimiters behind the rows.csv",
        f"{HEADER}\n1100,2,Books,Atlas,\n1101,2,Books,Globe,,"
        " \n1102,2,Books,Map\n1103,2,Books,Map,,x\n1104,2,Books,Map,x,\n",
        product(1100),
        product(1101, "Globe"),
        product(1102, "Map"),
        rejected=[(4, SIX), (5, SIX)],
    ),
    loaded("delimiters behind the rows, quoted.csv", f'{HEADER}\n"1105","2","Books","Atlas",""\n', product(1105)),
    loaded("delimiters behind the header.csv", f"{HEADER},,\n1106,2,Books,Atlas\n", product(1106)),
    loaded(
        "delimiters behind the header and the rows.csv",
        f"{HEADER},\n1107,2,Books,Atlas,\n1108,2,Books,Globe\n",
        product(1107),
        product(1108, "Globe"),
    ),
    loaded(
        "blank rows.csv",
        f"{HEADER}\n,,,\n1110,2,Books,Atlas\n , ,\u00a0,\n,,,,,,\n;\n1111,2,Books,Globe\n" + ",,,\n" * 9 + ",,,",
        product(1110),
        product(1111, "Globe"),
        rejected=[(2, "1 fields where the header has 4")],
        warning=blanks(13),
    ),
    loaded(
        "blank rows, quoted.csv",
        f'{HEADER}\n"1112","2","Books","Atlas"\n"","","",""\n" ","","\u00a0",\n",","2","Books","Atlas"\n',
        product(1112),
        rejected=[(2, "product_id: not int")],
        warning=blanks(2),
    ),
    loaded(
        "blank rows between tabs.csv",
        csv_text(PRODUCTS, [product(1113)], "\t", "\r\n") + "\t\t\t\r\n \r\n",
        product(1113),
        warning=blanks(2),
    ),
    loaded(
        "blank rows, old mac.csv",
        csv_text(PRODUCTS, [product(1114)], newline="\r") + ",,,\r",
        product(1114),
        warning=blanks(1),
    ),
    Case("nothing but blank rows.csv", f"{HEADER}\n,,,\n,,,\n".encode(), "empty", warning=blanks(2)),
]
