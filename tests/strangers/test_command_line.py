"""Files and options that nobody prepared for: each ends in an answer or in one clear sentence."""

import gzip
import io
import json
import os
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sufficiency.cli import main
from sufficiency.cli.columns import prepare
from sufficiency.cli.inputs import Layout
from sufficiency.cli.nets import builtin_net
from sufficiency.cli.options import RUN
from sufficiency.cli.output import DataSummary
from sufficiency.cli.reading import read_source
from sufficiency.report import page
from tests.helpers import make_result

N = 60
TINY = ("--sizes", "3", "--n-repeats", "2", "--n-draws", "2", "--min-steps", "0", "--seed", "0")


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words, stdin=None):
    return CliRunner().invoke(main, list(map(str, words)), input=stdin, prog_name="sufficiency")


def refusal(*words, stdin=None):
    """The only line of a call that is refused."""
    result = call(*words, stdin=stdin)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert not result.stdout
    return line


def houses() -> pd.DataFrame:
    """Numbers in two forms; text with a quoted line break, a comma and letters beyond ASCII."""
    rng = np.random.default_rng(1)
    area = np.round(rng.normal(size=N), 3)
    return pd.DataFrame(
        {
            "area": area,
            "income": 1000 + 250 * (np.arange(N) % 40),
            "color": np.array(["dark\nred", "green, pale", "weiß"])[np.arange(N) % 3],
            "kind": np.where(area > 0.1, "large", "small"),
        }
    )


TABLE = houses()
SHUFFLED = np.random.default_rng(0).permutation(N)
TEXT = TABLE.to_csv(index=False)
NUMBERED = {"target": "4", "layout": Layout(no_header=True)}


def csv(separator=",", table=TABLE, **how) -> str:
    return table.to_csv(index=False, sep=separator, **how)


def thousands(mark: str) -> str:
    table = TABLE.assign(income=[f"{value:,}".replace(",", mark) for value in TABLE["income"]])
    return csv(";", table, decimal=",")


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return file.getvalue()


def excel(**sheets: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    with pd.ExcelWriter(file, engine="openpyxl") as writer:
        for name, sheet in sheets.items():
            sheet.to_excel(writer, sheet_name=name, index=False)
    return file.getvalue()


# All hold the same table: by name, the file and its content, and what has to be said of it.
SAME = {
    "semicolons": ("t.csv", csv(";"), {}),
    "pipes": ("t.csv", csv("|"), {}),
    "tabs without their suffix": ("t.txt", csv("\t"), {}),
    "tabs with it": ("t.tsv", csv("\t"), {}),
    "any number of blanks": ("t.dat", csv(" "), {"separator": "space"}),
    "blanks after commas": ("t.csv", TEXT.replace('"green, pale"', ' "green, pale"'), {}),
    "Windows": ("t.csv", csv(lineterminator="\r\n"), {}),
    "byte order mark": ("t.csv", TEXT.encode("utf-8-sig"), {}),
    "UTF-16": ("t.csv", TEXT.encode("utf-16"), {"encoding": "utf-16"}),
    "Windows-1252": ("t.csv", TEXT.encode("cp1252"), {"encoding": "cp1252"}),
    "decimal commas": ("t.csv", csv(";", decimal=","), {"decimal": ","}),
    "points between thousands": ("t.csv", thousands("."), {"thousands": ".", "decimal": ","}),
    "a title": ("t.csv", "Houses of 2024;;;\n\n" + csv(";"), {"skip_lines": 2}),
    "a comment": ("t.csv", "# made by hand\n" + TEXT, {"skip_lines": 1}),
    "gzip": ("t.csv.gz", gzip.compress(TEXT.encode()), {}),
    "zip of a Mac": ("t.zip", zipped("houses.csv", "__MACOSX/._houses.csv"), {}),
    "JSON lines": ("t.jsonl", TABLE.to_json(orient="records", lines=True), {}),
    "JSON lines with a mark": (
        "t.ndjson",
        TABLE.to_json(orient="records", lines=True).encode("utf-8-sig"),
        {},
    ),
    "a list in JSON": ("t.json", TABLE.to_json(orient="records"), {}),
    "no suffix": ("houses", TEXT, {"format": "csv"}),
}


def write(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def arrays(name, target="kind", layout=None):
    """What becomes of a file."""
    return prepare(read_source(Path(name), Path(), target=target, layout=layout), Path())


def assert_same(found):
    expected = arrays(write("plain.csv", TEXT))
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.y, expected.y)
    assert list(found.encoded.values()) == list(expected.encoded.values())


@pytest.mark.parametrize("case", SAME)
def test_one_table_in_many_forms(case):
    name, content, given = SAME[case]
    assert_same(arrays(write(name, content), layout=Layout(**given)))


def test_the_plain_table_is_read_as_it_was_written():
    found = arrays(write("plain.csv", TEXT))
    colors = [TABLE["color"] == color for color in sorted(set(TABLE["color"]))]
    expected = np.column_stack([*colors, TABLE["area"], TABLE["income"]]).astype(float)
    np.testing.assert_array_equal(found.X, expected)
    np.testing.assert_array_equal(found.y, TABLE["kind"].to_numpy(str))


def test_columns_without_names_are_numbered():
    assert_same(arrays(write("t.csv", csv(header=False)), **NUMBERED))
    assert_same(arrays(write("t.csv", csv(";", header=False, decimal=",")), "4", Layout(
        no_header=True, decimal=","
    )))  # fmt: skip


def test_sheets(require_module):
    require_module("openpyxl")
    write("t.xlsx", excel(houses=TABLE, notes=pd.DataFrame({"a": [1]})))
    with pytest.warns(UserWarning, match="of the 2 sheets of t.xlsx the first, 'houses', is read"):
        assert_same(arrays("t.xlsx"))
    assert_same(arrays("t.xlsx", layout=Layout(sheet="houses")))
    assert "has no such sheet (did you mean 'houses'?)" in refusal(
        "run", "t.xlsx", "--target", "kind", "--sheet", "house"
    )
    # a spreadsheet under a wrong name
    write("t.csv", Path("t.xlsx").read_bytes())
    assert "is no text, but looks excel" in refusal("run", "t.csv", "--target", "kind")


def test_excel_without_its_reader(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    message = refusal("run", write("t.xlsx", b"PK"), "--target", "kind")
    assert 'pip install "sufficiency[excel]"' in message
    assert "as CSV" in message


def labels(*texts):
    """A target of such texts, row by row."""
    return csv(table=TABLE.assign(kind=[texts[i % len(texts)] for i in range(N)]))


def feature(*texts):
    return csv(table=TABLE.assign(color=[texts[i % len(texts)] for i in range(N)]))


PRICES = [f"${100 * i},000" for i in range(1, 25)]
# What cannot be read as it was meant: the file, its content, further options, and what is said.
REFUSED = {
    "another encoding": ("t.csv", TEXT.encode("cp1252"), (), "probably --encoding cp1252"),
    "UTF-16": ("t.csv", TEXT.encode("utf-16"), (), "probably --encoding utf-16"),
    "no such encoding": ("t.csv", TEXT, ("--encoding", "utf9"), "--encoding must be one that"),
    "decimal commas": ("t.csv", csv(";", decimal=","), (), "of a CSV file, --decimal , reads them"),
    "a comment": ("t.csv", "# houses, measured by hand, 2024\n" + TEXT, (), "with --skip-lines"),
    "a title": ("t.csv", "Houses;;;\n" + csv(";"), (), "leave lines above the names out with"),
    "no names": ("t.csv", "1.5,2,3\n2.5,2,1\n", (), "number the columns with --no-header"),
    "equal values for names": ("t.csv", "1,1,a\n2,3,b\n", (), "the columns with --no-header"),
    "equal names": ("t.csv", "kind,a,a\nb,1,2\n", (), "several columns 'a'; give each"),
    "currency": ("t.csv", labels(*PRICES), (), "'kind' holds numbers with signs, such as '$100"),
    "few prices": ("t.csv", feature("5 €", "7 €"), (), "'color' holds numbers with signs"),
    "blanks": ("t.csv", labels("yes", "no", "Yes "), (), "both 'yes' and 'Yes ', which differ in"),
    "blanks in a feature": ("t.csv", feature("a b", "a b "), (), "'a b ', which differ in blanks"),
    "dates": ("t.csv", feature("3 March 2024", "14 May 2024"), (), "'color' holds dates or times"),
    "other dates": ("t.csv", feature("2024/03/01", "2024/5/1"), (), "holds dates or times"),
    "dates to predict": ("t.csv", labels("1.3.2024", "2.3.2024"), (), "'kind' holds dates or"),
    "gaps in the target": ("t.csv", labels("yes", "", "None"), (), "40 of 60 rows of t.csv have"),
    "None as a class": ("t.csv", labels("yes", "None"), (), "NA, None, nan and the like count as"),
    "an old spreadsheet": ("t.xls", b"\xd0\xcf\x11\xe0", (), "say what it is with --format"),
    "a tar archive": ("t.tar.gz", b"", (), "got '.tar'"),
    "no suffix": ("houses", TEXT, (), "say what it is with --format"),
    "several files": ("t.zip", zipped("a.csv", "b.csv"), (), "must hold one file, got 2"),
    "a damaged archive": ("t.zip", zipped("a.csv")[:-30], (), "cannot be unpacked"),
    "JSON that is none": ("t.jsonl", '{"a": 1}\n{"a"', (), "cannot be read as jsonl"),
    "a list as lines": ("t.json", '{"a": 1}\n{"a": 2}', (), "try --format jsonl"),
    "values in JSON": ("t.json", "[1, 2]", (), "there are '0'"),
    "no text": ("t.csv", gzip.compress(TEXT.encode()), (), "looks compressed with gzip"),
    "options of others": ("t.jsonl", "{}", ("--decimal", ","), "--decimal is about files of the"),
    "no such sheet": ("t.csv", TEXT, ("--sheet", "a"), "--sheet is about files of the format"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_has_a_cause_and_a_remedy(case):
    name, content, words, said = REFUSED[case]
    message = refusal("run", write(name, content), "--target", "kind", *words)
    assert message.startswith("Error: ")
    assert said in message


def test_a_first_row_that_is_named_as_target():
    write("t.csv", "5.1,3.5,1.4,setosa\n4.9,3.0,1.4,setosa\n6.3,3.3,6.0,virginica\n")
    message = refusal("run", "t.csv", "--target", "setosa")
    assert "the first line of t.csv holds values such as that and no names" in message


NOTED = {
    "an ID": (TABLE.assign(id=7 * SHUFFLED), "'id' has another whole number in every row"),
    "row numbers": (TABLE.assign(row=range(N)), "'row' numbers the rows"),
    "capitals": (TABLE.replace({"kind": {"large": "Small"}}), "'Small' and 'small', which count"),
    "capitals in a feature": (TABLE.replace({"color": {"weiß": "Weiß"}}), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTED)
def test_what_is_noted(case):
    table, said = NOTED[case]
    write("t.csv", csv(table=table))
    if said:
        with pytest.warns(UserWarning, match=said):
            arrays("t.csv")
    else:
        arrays("t.csv")  # a warning would be an error


def test_two_spellings_of_a_feature_are_noted():
    table = TABLE.assign(color=np.array(["red", "Red", "blue"])[np.arange(N) % 3])
    write("t.csv", csv(table=table))
    with pytest.warns(UserWarning, match="'color' holds both 'red' and 'Red'"):
        arrays("t.csv")


def test_only_a_few_rows_are_kept_to_look_for_an_id(monkeypatch):
    monkeypatch.setattr("sufficiency.cli.column_kinds._LOOKED_AT", 30)
    # the same number again, behind the rows that are looked at
    table = TABLE[["area", "kind"]].assign(id=[*SHUFFLED[:-1], SHUFFLED[0]])
    with pytest.warns(UserWarning, match="'id' has another whole number in every row"):
        arrays(write("t.csv", csv(table=table)))


def test_standard_input_and_the_classes_are_shown():
    words = ("--target", "kind", *TINY)
    write("houses.csv", TEXT)
    piped = call("run", "-", *words, stdin=TEXT)
    assert piped.exit_code == 0, piped.output
    n_large = int((TABLE["kind"] == "large").sum())
    lines = piped.stdout.splitlines()
    assert lines[0] == "standard input: 60 samples with 3 features"
    classes = sorted([(n_large, "large"), (N - n_large, "small")], reverse=True)
    assert f"Classes: {', '.join(f'{name} ({n})' for n, name in classes)}" in lines
    named = call("run", "houses.csv", *words)
    assert piped.stdout.replace("standard input", "houses.csv") == named.stdout


def test_many_classes_are_abridged():
    many = labels(*[f"type {i:02}" for i in range(20)])
    data = arrays(write("t.csv", many))
    shown = str(DataSummary(data, builtin_net(data.X, data.y, "auto")))
    assert re.search(
        r"^Classes: type 00 \(3\), .*, type 07 \(3\) and 12 more$", shown, re.MULTILINE
    )


def test_nothing_on_standard_input():
    assert "standard input is empty" in refusal("run", "-", "--target", "kind", stdin="")


def test_a_directory(workplace):
    (workplace / "data").mkdir()
    assert "File 'data' is a directory" in refusal("run", "data", "--target", "kind")


HUGE = "1" + "0" * 400
OPTIONS = {
    "thresholds": (("--threshold", HUGE), "is not a finite number"),
    "draws": (("--n-draws", HUGE), "must be at most"),
    "sizes": (("--sizes", HUGE), "must be a number of sizes such as 8"),
    "steps": (("--min-steps", HUGE), "must be at most"),
    "ten samples or ten times": (("--threshold", "1", "--growth", "10.0"), "1000% or x11"),
    "one or twice": (("--threshold", "1", "--growth", "1.0"), "write 1 for as many samples"),
    "no growth": (("--threshold", "1", "--growth", "x1"), "is no growth; x2 is twice as many"),
    "many characters": (("--separator", "::"), "--separator must be one character"),
    "no place": (("--out", "/proc/answers"), "--out /proc/answers cannot be made in /proc"),
    "a long name": (("--out", "a" * 300), "name too long"),
    "no place for samples": (("--samples", "/proc/s.csv"), "cannot be made in /proc"),
    "a mount point": (("--out", "/proc"), "--out /proc "),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_are_refused_before_anything_is_measured(case):
    words, said = OPTIONS[case]
    assert said in refusal("run", write("t.csv", TEXT), "--target", "kind", *words)


def test_a_limit_of_collection_that_no_one_reaches():
    make_result().save("saved")
    assert "must be at most" in refusal("plan", "saved", "--loss-target", "1", "--limit", HUGE)


class TestSavedResults:
    """One result, to which 100 samples are enough for 1e-3 and not for 1e-5."""

    SIZES = (9, 19, 39, 79)

    @pytest.fixture(autouse=True)
    def saved(self, monkeypatch):
        # they would take nearly all of the time
        monkeypatch.setattr(page, "draw_delta", lambda *_: None)
        monkeypatch.setattr(page, "draw_learning_curve", lambda *_: None)
        decay = 4.0 / (np.array(self.SIZES) + 1.0) ** 2
        made = make_result(decay * np.array([[1.2], [0.9], [1.0]]), self.SIZES)
        made.save("saved")
        return made

    def asked(self, *words):
        return call("report", "saved", *words, "--out", "r.html")

    @pytest.mark.parametrize("order", [("1e-3", "1e-5"), ("1e-5", "1e-3")])
    def test_the_decision_covers_all_thresholds(self, saved, order):
        words = [word for threshold in order for word in ("--threshold", threshold)]
        said = f"All 2 questions together: {saved.verdict(1e-5).headline}; Threshold 1e-05 decides."
        assert said in self.asked(*words).stdout
        found = json.loads(self.asked(*words, "--json").stdout)
        assert (found["enough"], found["decision"]) == (False, "more")
        top = re.search("<h2 id=.verdict-heading.>(.+?)</h2>", Path("r.html").read_text())
        assert top[1].endswith("More needed")

    def test_a_question_without_an_answer_is_not_enough(self):
        words = ("--threshold", "1e-3", "--score-target", "7")
        found = json.loads(self.asked(*words, "--json").stdout)
        assert (found["enough"], found["decision"]) == (False, "unknown")
        assert "Unknown; Score 7 decides." in " ".join(self.asked(*words).stdout.split())

    def test_exit_status_1_has_a_line_why(self):
        result = self.asked("--threshold", "1e-5", "--threshold", "1e-3", "--fail-if-insufficient")
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line == "Exit status 1, not enough for Threshold 1e-05 (More needed)"
        assert self.asked("--threshold", "1e-3", "--fail-if-insufficient").exit_code == 0
        assert "needs a --threshold" in refusal("report", "saved", "--fail-if-insufficient")

    def test_json_of_a_saved_result(self, saved):
        found = json.loads(self.asked("--threshold", "1e-3", "--json").stdout)
        assert found["data"] is None
        assert found["n_available"] == saved.n_samples
        assert [row["size"] for row in found["ladder"]] == list(self.SIZES)
        assert found["thresholds"][0]["text"] == str(saved.verdict(1e-3))

    def test_missing_is_no_number_where_it_cannot_be_said(self):
        flat = np.ones((3, 4)) * [[1.0], [1.1], [0.9]]
        make_result(flat, self.SIZES, family="power_law").save("flat")
        result = call("report", "flat", "--threshold", "1e-3", "--json")
        (answer,) = json.loads(result.stdout)["thresholds"]
        assert answer["decision"] == "unknown"
        assert answer["missing"] is None
        assert "cannot be said yet" in answer["text"]

    @pytest.mark.parametrize(
        ("given", "number", "said"),
        [
            ("10", 10, "for 10 more samples at once."),
            ("1", 1, "for 1 more samples at once."),
            ("10%", 0.1, "for 10 % more samples at once, 10 at the 100 there are."),
            ("0.1", 0.1, "for 10 % more samples at once, 10 at the 100 there are."),
            ("x2", 1.0, "for 100 % more samples at once, 100 at the 100 there are."),
            ("100 %", 1.0, "for 100 % more samples at once, 100 at the 100 there are."),
        ],
    )
    def test_growth_says_what_it_was_taken_for(self, given, number, said):
        words = ("--threshold", "0.1", "--growth", given)
        result = self.asked(*words)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"Thresholds are {said}\n")
        (answer,) = json.loads(self.asked(*words, "--json").stdout)["thresholds"]
        assert answer["growth"] == number
        assert type(answer["growth"]) is type(number)

    def test_a_reader_that_leaves_ends_nothing(self, monkeypatch):
        """As `sufficiency report … | head` does."""
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            words = ["report", "saved", "--threshold", "1e-5", "--out", "r.html"]
            assert main(words, standalone_mode=False) == 0
            # what comes later finds no broken pipe either
            assert main([*words, "--fail-if-insufficient"], standalone_mode=False) == 1
        assert Path("r.html").stat().st_size > 0


class TestHelp:
    def test_what_matters_comes_first_and_nothing_is_left_out(self):
        text = call("run", "--help").stdout
        titles = re.findall(r"^(\S.*):$", text, flags=re.MULTILINE)
        assert titles[:2] == ["Examples", "The three that matter"]
        shown = re.findall(r"^  (--?[a-z-]+)", text, flags=re.MULTILINE)
        assert shown[:3] == ["--target", "--threshold", "--out"]
        expected = {option.opts[0] for option in RUN[1:]} | {"--debug", "-h"}
        assert sorted(shown) == sorted(expected)
        assert "Δ is how much one more sample would still change its loss" in " ".join(text.split())
        assert "[required" in text

    @pytest.mark.parametrize("command", ["run", "report", "plan", "campaign"])
    def test_examples_are_commands(self, command):
        """Each is understood as far as the file, which is not there."""
        text = call(command, "--help").stdout
        examples = re.findall(r"^  sufficiency (\w.*)$", text, flags=re.MULTILINE)
        assert examples
        for example in examples:
            assert "does not exist" in refusal(*example.split())
