"""What form a file of rows has; how text files of a feature group are written, where no reader could be certain."""

from dataclasses import dataclass, fields
from enum import StrEnum


class FileForm(StrEnum):
    """What a file of rows is."""

    CSV = "csv"
    JSON_LINES = "json_lines"
    PARQUET = "parquet"
    ARROW = "arrow"


class DateOrder(StrEnum):
    """Of dates whose year is last."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


NO_SEPARATOR = "none"
"""Numbers are written without anything between their thousands."""

DECIMALS, THOUSANDS = (".", ","), (",", ".", " ", "'", NO_SEPARATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """None is what is to be found out from the file.

    `separator`: between cells, one character. `decimal`: before a number's fraction; one of DECIMALS. `thousands`:
    one of THOUSANDS. `encoding`: a name that Python knows. `dates`: a DateOrder, or a pattern of strptime such as
    "%d.%m.%Y %H:%M"; ISO 8601 is always read.
    """

    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    dates: str | None = None

    def or_else(self, other: "FileFormat") -> "FileFormat":
        """What this one leaves open is the other's."""
        return FileFormat(
            **{
                each.name: getattr(other, each.name) if getattr(self, each.name) is None else getattr(self, each.name)
                for each in fields(self)
            }
        )


UNDECLARED = FileFormat()


def file_format_fault(key: str, value: str) -> str:
    """Why a format cannot be this; empty where it can. In words that follow the key's or the option's name."""
    match key:
        case "separator" if len(value) != 1 or not value.isascii() or value in '"\r\n':
            return 'one character stands between cells, such as ";" or a tab'
        case "decimal" if value not in DECIMALS:
            return 'a number\'s fraction begins with "." or ","'
        case "thousands" if value not in THOUSANDS:
            return 'between thousands stands ",", ".", " ", "\'" or "none"'
        case "encoding" if not _is_text_encoding(value):
            return 'Python knows no such encoding of text; usual ones are "utf-8", "cp1252" and "utf-16"'
        case "dates" if value not in tuple(DateOrder) and "%" not in value:
            return 'dates are "day_first", "month_first", or a pattern such as "%d.%m.%Y %H:%M"'
    return ""


def _is_text_encoding(name: str) -> bool:
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, UnicodeError):
        return False
