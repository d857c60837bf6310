"""A user's table is read as it is, and whatever is wrong is told in one line."""

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from kerasbio.datasets.tables import chunks, files
from kerasbio.datasets.tables.cells import MISSING, parse_numbers
from kerasbio.datasets.tables.chunks import iterate_chunks
from kerasbio.datasets.tables.files import read_tabular
from kerasbio.errors import KerasbioError

ROWS = ["54,m,2.5,sick", "61,f,,well", "47,,1e2,well", "70,m,-3,sick"]
TEXT = "age,sex,dose,outcome\n" + "\n".join(ROWS) + "\n"


@pytest.fixture
def write(tmp_path):
    def write(content, encoding="utf-8") -> Path:
        file = tmp_path / "table.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return file

    return write


def refused(file, *words, target="outcome", **options):
    with pytest.raises(KerasbioError) as error:
        read_tabular(file, target, **options)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value), str(error.value)


def column(cells, name="x", target=None):
    """Return a table of one column, beside one of noise and the outcome."""
    target = target or ["a", "b"] * len(cells)
    rows = [f'{k % 3},"{cell}",{target[k]}' for k, cell in enumerate(cells)]
    return "\n".join([f"noise,{name},outcome", *rows])


def check(cases):
    """Check what `TEXT` holds, in whichever way it is written."""
    assert cases.numeric == ("age", "dose") and cases.categorical == ("sex",)
    assert cases.numbers.dtype == np.float32 and cases.categories.dtype == np.int32
    np.testing.assert_array_equal(cases.numbers, [[54, 2.5], [61, np.nan], [47, 100], [70, -3]])
    assert cases.categories.tolist() == [[1], [0], [-1], [1]] and cases.values == (("f", "m"),)
    assert cases.classes == ("sick", "well") and cases.target == "outcome"
    assert cases.labels.tolist() == [0, 1, 1, 0] and cases.labels.dtype == np.int64
    assert cases.subjects.tolist() == [0, 1, 2, 3]
    return True


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_table(write, encoding):
    cases = read_tabular(write(TEXT, encoding), "outcome")
    assert check(cases) and cases.notes == () and cases.decimal == ""


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_chunks_make_no_difference(write, monkeypatch, rows):
    monkeypatch.setattr(chunks, "ROWS", rows)
    assert check(read_tabular(write(TEXT), "outcome"))


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_delimiters_are_found_and_told(write, mark, name):
    cases = read_tabular(write(TEXT.replace(",", mark)), "outcome")
    assert check(cases) and cases.notes == (f"The cells are separated by {name}.",)


def test_the_delimiter_is_searched_outside_of_quotes(write):
    text = '\n;;\n"a, in, mm\n, or, cm";b;outcome\n1;2;x\n3;4;y\n'
    assert read_tabular(write(text), "outcome").numeric == ("a, in, mm\n, or, cm", "b")


def test_quotes_spaces_blank_lines_and_lines_within_cells(write):
    text = '\r\n a , outcome \r\n 1 ,"T cell,\nnaïve"\r\n\r\n,,\n2,b\n'.replace(",,\n", ",\r\n")
    file = write(text)
    cases = read_tabular(file, "outcome")
    assert cases.classes == ("T cell,\nnaïve", "b") and cases.numbers.tolist() == [[1], [2]]
    # What is blank is no row, though separators alone are one without any value.
    assert [chunk.lines for chunk in iterate_chunks(file)] == [["line 4", "line 6", "line 7"]]
    assert cases.notes == ("1 row is left out, without 'outcome'.",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TEXT.replace("61,f", "61,\u00e9").encode("latin-1"), "line 3, character 4: the byte 0xE9"),
        (TEXT.encode("utf-16"), "is no CSV in UTF-8 (it is in UTF-16)"),
        (TEXT.encode("utf-16-le"), "NUL bytes in line 1"),
        (b"PK\x03\x04\x14\x00\x06\xff", "no text at all"),
        ('outcome,a\n1,2\n1,"2\n3,4\n', "row from line 3: unexpected end of data"),
        ("", "is empty"),
        ("\n , ,\n", "is empty"),
        ("age,outcome\n\n", "names its columns and holds no row"),
        ("age,outcome\n1,a\n2\n", "line 3: 1 cells where the first line has 2"),
        ("age,age,outcome\n1,2,a\n", "2 columns named 'age'"),
        (",age,outcome\n,2,a\n0,3,b\n", "column 1 has no name: name it or remove it"),
    ],
)
def test_files_that_are_no_tables(write, content, words):
    refused(write(content), "table.csv", words)


def test_files_that_are_not_there(tmp_path):
    refused(tmp_path / "absent.csv", "absent.csv cannot be read (No such file")
    refused(tmp_path, f"{tmp_path} cannot be read (Is a directory)")


@pytest.mark.parametrize("start", [0, 1])
def test_the_row_numbers_of_pandas_are_passed_over(write, start):
    count = chunks.ROWS + 5
    rows = [f"{start + i},{i * i},{'ab'[i % 2]}" for i in range(count)]
    cases = read_tabular(write("\n".join([",age,outcome", *rows])), "outcome")
    assert cases.columns == ("age",) and len(cases) == count
    refused(write("\n".join([",age,outcome", *rows[::-1]])), "column 1 has no name")


def test_trailing_separators_of_a_spreadsheet_are_passed_over(write):
    lines = [line + ",," for line in TEXT.split()]
    assert check(read_tabular(write("\n".join(lines)), "outcome"))


def test_columns_that_options_name(write):
    file = write(TEXT)
    refused(
        file, "lacks the column 'Outcom' of --target", "did you mean 'outcome'?", target="Outcom"
    )
    refused(file, "(it has 'age, sex, dose, outcome'): name one of them", target="zzz")
    refused(file, "lacks the column 'patient' of --subject", subject="patient")
    refused(file, "--target and --subject are both 'outcome'", subject="outcome")
    for wrong in ({"task": "regresion"}, {"decimal": "'"}):
        with pytest.raises(ValueError, match="Received"):
            read_tabular(file, "outcome", **wrong)


def test_subjects(write):
    text = "who,age,outcome\n007,1,a\n7,2,b\n007,4,a\n"
    cases = read_tabular(write(text), "outcome", subject="who")
    assert cases.subjects.tolist() == [0, 1, 0] and cases.columns == ("age",)
    file = write(text.replace("\n7,", "\nNA,"))
    refused(file, "line 3, column 'who': the subject is missing", subject="who")


PLAIN = {"1": 1, "+1.": 1, "-.5": -0.5, "1e-3": 0.001, "2E+2": 200, "1_000": None, "inf": None}
PLAIN |= {"1e400": None, "1e39": None, "1,5": None, "1 000": None, "0x1": None, "\u0661": None}
PLAIN |= {"e5": None, "1e": None, "--1": None, "None": None, "Infinity": None, "1.5.2": None}
POINT = {"1,234": 1234, "-1,234,567.5": -1234567.5, "1 234": 1234, "1'234.25": 1234.25}
POINT |= {"1\u00a0234\u202f567": None, "1\u202f234": 1234, "1\u2019234": 1234, "12.5": 12.5}
POINT |= {"1,2,3": None, "1,23": None, "1234,567": None, ",123": None, "1,234 567": None}
POINT |= {"1.234,5": None, "1,234,56": None, "1_000": None, "12": 12, "1.5e3": 1500}
COMMA = {"1,5": 1.5, "1.234,5": 1234.5, "1 234,5": 1234.5, "1.234.567": 1234567, "12": 12}
COMMA |= {"1.5": None, "1,234": 1.234, "1,234.5": None, "-,5": -0.5, "1,2,3": None, "1.23": None}


@pytest.mark.parametrize(("decimal", "known"), [("", PLAIN), (".", POINT), (",", COMMA)])
def test_numbers(decimal, known):
    for cells in [list(known), *([cell] for cell in known), ["1", "", *known]]:
        numbers, wrong = parse_numbers(cells, decimal)
        expected = [{"1": 1, "": None, **known}[cell] for cell in cells]
        np.testing.assert_array_equal(numbers, np.array(expected, float))
        assert wrong.tolist() == [
            n is None and c != "" for n, c in zip(expected, cells, strict=True)
        ]


def test_missing_cells_are_neither_numbers_nor_wrong():
    for cells in ([], sorted(MISSING), np.array([np.nan])):
        numbers, wrong = parse_numbers(cells, "")
        assert len(numbers) == len(cells) and np.isnan(numbers).all() and not wrong.any()
    numbers, wrong = parse_numbers(np.array([1, np.inf, np.nan]), ",")
    np.testing.assert_array_equal(numbers, [1, np.nan, np.nan])
    assert wrong.tolist() == [False, True, False]


def test_few_cells_that_are_no_numbers_count_as_missing_and_are_told(write):
    # Nine of ten, and the missing ones do not count.
    cells = [str(k % 7) for k in range(18)] + ["abc", "<1", "", "NA"]
    cases = read_tabular(write(column(cells)), "outcome")
    assert cases.numeric == ("noise", "x") and np.isnan(cases.numbers[18:, 1]).all()
    told = "column 'x': 2 cells are no numbers and count as missing: 'abc' in line 20, '<1' in"
    assert cases.notes == (f"{told} line 21.",)
    assert read_tabular(write(column(cells[1:])), "outcome").categorical == ("x",)


def test_at_most_five_such_cells_are_quoted(write):
    cells = [str(k % 7) for k in range(100)] + ["1,200"] * 6
    (note,) = read_tabular(write(column(cells)), "outcome").notes
    assert note.startswith("column 'x': 6 cells are no numbers") and note.count("line") == 5
    assert "line 106 and more (--decimal . or --decimal , would read more of them)." in note


BOTH = ("--decimal . (a decimal point", "or --decimal , (a decimal comma", "whichever it means")


@pytest.mark.parametrize(
    ("cells", "decimal", "words"),
    [
        (["72", "72,5", "80"], "", ("'72,5' in line 3 is no plain number: give --decimal , (",)),
        (["1.234,5", "2,5"], "", ("'1.234,5' in line 2", "give --decimal , (")),
        (["1,234.5", "950.25"], "", ("'1,234.5' in line 2", "give --decimal . (")),
        (["1,234", "950"], "", ("'1,234' in line 2", *BOTH)),
        (["1 234", "950"], "", BOTH),
        (["72,5", "80,25"], ".", ("is no number with --decimal .: give --decimal , (",)),
        (
            ["72.5", "80"],
            ",",
            ("'72.5' in line 2 is no number with --decimal ,: give --decimal .",),
        ),
    ],
)
def test_numbers_in_another_notation_are_told(write, cells, decimal, words):
    for name in ("x", "y"):
        refused(write(column(cells, name)), f"column '{name}': ", *words, decimal=decimal)
    target = "\n".join(["x,outcome", *(f'{k},"{cell}"' for k, cell in enumerate(cells))])
    refused(write(target), "column 'outcome': ", *words, decimal=decimal)


def test_both_notations_can_be_read(write):
    cases = read_tabular(write(column(["1.234,5", "2,5"])), "outcome", decimal=",")
    assert cases.numbers[:, 1].tolist() == [1234.5, 2.5] and cases.decimal == ","
    cases = read_tabular(write(column(["1,234.5", "2.5"])), "outcome", decimal=".")
    assert cases.numbers[:, 1].tolist() == [1234.5, 2.5] and cases.decimal == "."


def test_no_option_is_named_that_reads_too_little(write, monkeypatch):
    cells = ["1.25"] * 20 + ["1,5"] * 20
    for rows in (10_000, 20, 7):
        monkeypatch.setattr(chunks, "ROWS", rows)
        assert read_tabular(write(column(cells)), "outcome").categorical == ("x",)


TOLD = "column 'x' is left out: "


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["", "NA"] * 5, "it is empty throughout."),
        (["7"] * 9, "it is the same throughout, to seven digits."),
        (["z"] * 9, "it is the same throughout."),
        (
            [f"P{k}" for k in range(21)],
            "it holds 21 texts in 21 cells, an identifier or free text.",
        ),
        ([f"P{k}" for k in range(11)] * 2, ""),
        ([f"P{k}" for k in range(12)] + ["P0"] * 11, "it holds 12 texts in 23 cells, an"),
        ([f"P{k}" for k in range(20)] + [""] * 9, ""),
        ([str(k + 5) for k in range(21)], "it counts the rows, a row number."),
        ([str(k + 5) for k in range(20)], ""),
        ([*map(str, range(20)), "", "21"], ""),
        (["7"] * 9 + [""], ""),
        (["z"] * 9 + [""], ""),
    ],
)
@pytest.mark.parametrize("rows", [10_000, 5])
def test_columns_that_tell_nothing_are_left_out(write, monkeypatch, cells, note, rows):
    monkeypatch.setattr(chunks, "ROWS", rows)
    cases = read_tabular(write(column(cells)), "outcome")
    assert ("x" in cases.columns) == (not note) and "noise" in cases.columns
    assert len(cases.notes) == bool(note)
    if note:
        assert cases.notes[0].startswith(TOLD + note)


def test_many_texts_are_left_out(write):
    cells = [f"v{k % 10_001}" for k in range(30_003)]
    cases = read_tabular(write(column(cells)), "outcome")
    assert cases.columns == ("noise",) and cases.notes == (
        f"{TOLD}it holds more than 10,000 texts, an identifier or free text.",
    )
    cells = [f"v{k % 10_000:05}" for k in range(30_000)]
    cases = read_tabular(write(column(cells)), "outcome")
    assert len(cases.values[0]) == 10_000 and cases.categories[:2, 0].tolist() == [0, 1]


def test_what_remains_is_moved_together(write):
    rows = [f"{k % 4},1,{k * k},z,{'ab'[k % 2]},{'xyz'[k % 3]}" for k in range(30)]
    text = "\n".join(["p,constant,q,same,outcome,r", *rows])
    cases = read_tabular(write(text), "outcome")
    assert cases.numeric == ("p", "q") and cases.categorical == ("r",)
    assert cases.numbers.tolist() == [[k % 4, k * k] for k in range(30)]
    assert cases.categories[:, 0].tolist() == [k % 3 for k in range(30)]


def test_no_column_is_left(write):
    refused(write("a,b,outcome\n1,,x\n1,,y\n"), "no column to tell 'outcome' from")
    refused(write("outcome\nx\ny\n"), "no column to tell 'outcome' from")


def test_more_columns_than_rows_are_told(write):
    names = [f"g{k}" for k in range(1200)]
    rows = [",".join(str(j * k % 7) for k in range(1, 1201)) + f",{'ab'[j % 2]}" for j in range(30)]
    cases = read_tabular(write("\n".join([",".join([*names, "outcome"]), *rows])), "outcome")
    assert "more columns (1,029) than rows (30)" in cases.notes[-1]
    # Those that are constant, of which not each has a note.
    assert len(cases.notes) == 22 and cases.notes[-2].startswith("151 more columns")


def outcomes(values):
    return "\n".join(["x,outcome", *(f"{k % 4},{value}" for k, value in enumerate(values))])


@pytest.mark.parametrize(
    ("values", "classes", "labels"),
    [
        (["1", "0", "1"], ("0", "1"), [1, 0, 1]),
        (["10", "2", "10"], ("2", "10"), [1, 0, 1]),
        (["1.0", "1", "0", "0.0"], ("0", "1.0"), [1, 1, 0, 0]),
        (["2", "10", "b"], ("10", "2", "b"), [1, 0, 2]),
        (["b", "None", "a"], ("None", "a", "b"), [2, 0, 1]),
        ([*map(str, range(10))], tuple(map(str, range(10))), list(range(10))),
    ],
)
def test_classes(write, values, classes, labels):
    cases = read_tabular(write(outcomes(values)), "outcome")
    assert cases.classes == classes and cases.labels.tolist() == labels and cases.notes == ()


def test_rows_without_target_are_left_out_and_told(write):
    rows = [("1", "p", "a"), ("2", "p", ""), ("3", "p", "b"), ("4", "q", "NA")]
    text = "\n".join(["x,y,who,outcome", *(f"{x},{y},{x},{t}" for x, y, t in rows)])
    cases = read_tabular(write(text.replace("4,q,4", "4,q,")), "outcome", subject="who")
    assert cases.numbers.tolist() == [[1], [3]] and cases.subjects.tolist() == [0, 1]
    # Among the rows that are kept, it is the same.
    assert cases.notes == (
        "2 rows are left out, without 'outcome'.",
        "column 'y' is left out: it is the same throughout.",
    )


def test_regression(write):
    values = [*map(str, range(10)), "0.5", "", "1e2"] + ["10"] * 8 + ["low"]
    cases = read_tabular(write(outcomes(values)), "outcome")
    assert cases.classes == () and cases.labels.dtype == np.float32
    assert cases.labels[[9, 10, 11]].tolist() == [9, 0.5, 100] and len(cases) == 20
    assert cases.notes == (
        "column 'outcome': 1 cell is no number and counts as missing: 'low' in line 23.",
        "2 rows are left out, without 'outcome'.",
    )
    assert read_tabular(write(outcomes("123")), "outcome", task="regression").classes == ()
    cases = read_tabular(write(outcomes(values)), "outcome", task="classification")
    assert len(cases.classes) == 14 and cases.classes[-1] == "low" and len(cases) == 21


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["", "NA"], None, ("is empty throughout",)),
        (["a", "a", ""], None, ("holds one class only, 'a'",)),
        (["1", "1.0"], None, ("holds one class only, '1'",)),
        (["1", "1.0"], "regression", ("holds one value only",)),
        (["1", "high", "low"], "regression", ("2 of 3 cells are no numbers ('high' in line 3,",)),
        ([*map(str, range(101))], "classification", ("101 classes", "give --task regression")),
        ([f"c{k}" for k in range(101)], None, ("101 classes", "is it the right column?")),
        ([f"c{k}" for k in range(10_002)], None, ("more than 10,000 classes",)),
    ],
)
def test_targets_that_cannot_be_learned(write, values, task, words):
    refused(write(outcomes(values)), "table.csv, column 'outcome'", *words, task=task)


@pytest.mark.parametrize("change", ["more", "fewer", "other"])
def test_a_file_that_changes_meanwhile_is_told(write, monkeypatch, change):
    file = write(TEXT)

    def fill(*arguments):
        changed = {"more": TEXT + ROWS[0], "fewer": TEXT[:-15], "other": TEXT.replace("age", "x")}
        write(changed[change])
        return original(*arguments)

    original = files._fill
    monkeypatch.setattr(files, "_fill", fill)
    refused(file, "changed while it was read")


def test_a_large_table_takes_the_memory_of_its_arrays(write):
    random, count = np.random.default_rng(0), 100_000
    values = random.normal(size=(count, 4)).round(3)
    rows = [f"{a},{b},{c},{d},{'mf'[k % 2]},{k % 3}" for k, (a, b, c, d) in enumerate(values)]
    file = write("\n".join(["a,b,c,d,sex,outcome", *rows]))
    del rows
    tracemalloc.start()
    try:
        cases = read_tabular(file, "outcome")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(cases.numbers, values.astype(np.float32))
    # The arrays and labels take 4 MB, and an object for each cell would take 30 MB.
    assert peak < 22e6


def parquet(file, columns):
    pyarrow = pytest.importorskip("pyarrow")
    writer = pytest.importorskip("pyarrow.parquet")
    writer.write_table(pyarrow.table(columns), file, row_group_size=3)
    return file


def test_parquet(tmp_path, write, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {
        "age": [54, 61, 47, 70],
        "sex": pyarrow.array(["m", "f ", None, "m"]).dictionary_encode(),
        "dose": [2.5, None, 100, -3],
        "outcome": ["sick", "well", "well", "sick"],
    }
    file = parquet(tmp_path / "table.PQ", columns)
    assert check(read_tabular(file, "outcome"))
    monkeypatch.setattr(chunks, "ROWS", 3)
    assert check(read_tabular(file, "outcome"))
    (first, second) = iterate_chunks(file)
    assert first.lines == ["row 1", "row 2", "row 3"] and second.lines == ["row 4"]
    csv = read_tabular(write(TEXT), "age", task="regression")
    np.testing.assert_array_equal(read_tabular(file, "age", task="regression").labels, csv.labels)


def test_types_of_parquet(tmp_path):
    from datetime import datetime
    from decimal import Decimal

    pyarrow = pytest.importorskip("pyarrow")
    columns = {
        "whole": pyarrow.array([1, 2, None], pyarrow.int8()),
        "half": pyarrow.array([0.5, 2, np.inf], pyarrow.float16()),
        "decimal": [Decimal("1.25"), None, Decimal("2.50")],
        "text": ["1", "2", "x"],
        "flag": [True, None, False],
        "day": [datetime(2020, 1, 1), None, datetime(2020, 1, 2)],
        "code": pyarrow.array([7, 8, 7]).dictionary_encode(),
        "bytes": [b"a", b"b", b"a"],
        "none": pyarrow.nulls(3),
        # Too large for float64.
        "who": [2**60, 2**60 + 1, 2**60],
        "outcome": [0, 1, 0],
    }
    cases = read_tabular(parquet(tmp_path / "t.parquet", columns), "outcome", subject="who")
    assert cases.numeric == ("whole", "half", "decimal", "code")
    expected = [[1, 0.5, 1.25, 7], [2, 2, np.nan, 8], [np.nan, np.nan, 2.5, 7]]
    np.testing.assert_array_equal(cases.numbers, np.float32(expected))
    assert cases.categorical == ("text", "flag", "day", "bytes")
    assert cases.values[1] == ("False", "True") and cases.values[2][0].startswith("2020-01-01")
    assert cases.subjects.tolist() == [0, 1, 0]
    assert cases.classes == ("0", "1") and cases.notes[:3] == (
        "column 'half': 1 cell is no number and counts as missing: 'inf' in row 3.",
        "column 'text': 67% of its cells are numbers, of 90 % that make a column of numbers, so "
        "that it is one of texts: 'x' in row 3.",
        "column 'none' is left out: it is empty throughout.",
    )


def test_wrong_parquet(tmp_path, monkeypatch):
    rows = {"x": [1.5, 2], "outcome": ["a", "b"]}
    file = parquet(tmp_path / "table.parquet", {**rows, "scan": [[1], [2]]})
    refused(file, "table.parquet, column 'scan' is of type 'list<")
    refused(parquet(file, {**rows, "scan": [b"\xff", b"a"]}), "column 'scan' is of type 'binary'")
    refused(parquet(file, {**rows, " x": [1, 2]}), "2 columns named 'x'")
    refused(parquet(file, {name: cells[:0] for name, cells in rows.items()}), "holds no row")
    content = parquet(file, rows).read_bytes()
    for broken in (content[:-9], b"", content[:4] + bytes(60) + content[64:]):
        file.write_bytes(broken)
        refused(file, "table.parquet cannot be read as Parquet (")
    refused(tmp_path / "absent.parquet", "cannot be read as Parquet (", "absent.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(file, 'pip install "kerasbio[data]"')


def test_a_number_of_parquet_is_no_text_for_decimal_to_read(tmp_path):
    values = [6.096, 3.158, *range(20)]
    columns = {"age": [f"{i * i},5" for i in range(22)], "outcome": values}
    cases = read_tabular(parquet(tmp_path / "t.parquet", columns), "outcome", decimal=",")
    np.testing.assert_allclose(cases.labels, values, rtol=1e-6)
    assert cases.numbers[3] == 9.5


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["950", "1.260", "12.345", "7"], True),
        (["0.950", "1.260", "12.345", "7.000"], False),
        (["950", "1.26", "12.345", "7"], False),
        (["950", "1.260", "12345", "7"], False),
    ],
)
def test_a_point_that_may_part_thousands_is_told(write, cells, said):
    rows = [f"{cell},{'ab'[i % 2]}" for i, cell in enumerate(cells * 3)]
    file = write("\n".join(["x,outcome", *rows]))
    notes = read_tabular(file, "outcome").notes
    assert any("'1.260' in line 3" in n and "--decimal ," in n for n in notes) == said
    if said:
        cases = read_tabular(file, "outcome", decimal=",")
        assert cases.numbers[1] == 1260 and cases.notes == ()
