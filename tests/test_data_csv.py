"""`load_csv`: numbers and categories, targets, headers, quotes, missing fields, and errors that say where."""

import csv
import io
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_xe.data import Dataset, load_csv, load_iris
from tinygrad_xe.errors import ArgumentError, DTypeError

FRUIT = "weight,colour,name\n182,red,apple\n120.5,yellow,banana\n170,green,apple\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.csv"


@pytest.fixture
def load(path):
    def write_and_load(text, **options):
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return load_csv(path, **options)

    return write_and_load


def written(rows, **options):
    stream = io.StringIO(newline="")
    csv.writer(stream, **options).writerows(rows)
    return stream.getvalue().encode("utf-8")


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=width, max_size=width), min_size=1
        )
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([",", ";", "\t", "|", " "]),
)
def test_numbers_come_back_bit_for_bit(path, rows, end, delimiter):
    path.write_bytes(written([map(repr, row) for row in rows], lineterminator=end, delimiter=delimiter))
    X = load_csv(path, header=False, delimiter=delimiter).X
    assert X.dtype == np.float64 and X.tobytes() == np.array(rows).tobytes()


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from(list(' ,"\n;')), min_size=1
).filter(lambda word: word == word.strip() and not re.fullmatch(r"[-+.,0-9eE]*|[?]|N/?A|NaN|nan|NULL|null", word))


@given(st.lists(words, min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_text_comes_back_as_categories_whatever_is_in_it(path, column, end, mark):
    rows = [["name", "number"], *([word, i] for i, word in enumerate(column))]
    path.write_bytes(b"\xef\xbb\xbf" * mark + written(rows, lineterminator=end))
    made = load_csv(path, target="name")
    assert made.target_names == tuple(sorted(set(column)))
    assert [made.target_names[k] for k in made.y] == column
    assert made.X[:, 0].tolist() == list(range(len(column))) and made.feature_names == ("number",)


def test_the_iris_data_written_and_read_are_the_iris_data(load):
    X, y = iris = load_iris()
    head = [*iris.feature_names, "species"]
    made = load(written([head, *([*map(repr, row.tolist()), iris.target_names[k]] for row, k in zip(X, y))]), target=-1)
    assert made.X.tobytes() == X.tobytes() and made.feature_names == iris.feature_names
    assert made.target_names == iris.target_names
    np.testing.assert_array_equal(made.y, y, strict=True)


def test_a_table_is_the_one_that_pandas_reads(path):
    pandas = pytest.importorskip("pandas", reason="the oracle is pandas")
    path.write_text(FRUIT)
    theirs = pandas.get_dummies(pandas.read_csv(path).drop(columns="name"), dtype=float)
    made = load_csv(path, target="name")
    np.testing.assert_array_equal(made.X, theirs.to_numpy())
    assert [name.replace("=", "_") for name in made.feature_names] == list(theirs.columns)


def test_text_becomes_columns_of_0_and_1_or_codes(load):
    hot = load(FRUIT, target="name")
    assert type(hot) is Dataset and hot.name == "table"
    assert hot.feature_names == ("weight", "colour=green", "colour=red", "colour=yellow")
    assert hot.X.tolist() == [[182, 0, 1, 0], [120.5, 0, 0, 1], [170, 1, 0, 0]]
    codes = load(FRUIT, target="name", encode="codes")
    assert codes.feature_names == ("weight", "colour") and codes.X[:, 1].tolist() == [1, 2, 0]


@pytest.mark.parametrize("target", ["colour", 1, -2, np.int64(1)])
def test_a_target_is_named_or_counted(load, target):
    made = load(FRUIT, target=target)
    assert made.target_names == ("green", "red", "yellow") and made.y.tolist() == [1, 2, 0]
    assert made.feature_names == ("weight", "name=apple", "name=banana")


def test_without_a_target_y_is_empty(load):
    made = load(FRUIT)
    assert made.X.shape == (3, 6) and made.y.shape == (0,) and made.target_names == ()
    assert repr(made) == "Dataset(table: X (3, 6) float64, y (0,) int64)"


def test_a_numeric_target_keeps_its_values(load):
    whole, broken = load("x,y\n1,5\n2,-3\n", target="y"), load("x,y\n1,5\n2,-3.5\n", target="y")
    assert whole.y.dtype == np.int64 and whole.y.tolist() == [5, -3] and whole.target_names == ()
    assert broken.y.dtype == np.float64 and broken.y.tolist() == [5, -3.5]
    huge = load("x,y\n1,9223372036854775808\n", target="y")
    assert huge.y.dtype == np.float64 and huge.y.tolist() == [2.0**63]


def test_numbers_that_are_names_are_categories_in_order_of_size(load):
    made = load("code,x\n10,1\n9,2\n10,3\n", target="code", categorical=["code"])
    assert made.target_names == ("9", "10") and made.y.tolist() == [1, 0, 1]
    assert load("code,x\n10,1\n9,2\n", categorical=[0]).feature_names == ("code=9", "code=10", "x")


def test_columns_can_be_left_out(load):
    made = load(FRUIT, target="name", drop=["colour"])
    assert made.feature_names == ("weight",) and made.X.shape == (3, 1)
    assert load(FRUIT, target="name", drop=[0, 1]).X.shape == (3, 0)


def test_a_header_is_told_from_data(load):
    assert load("a,b\n1,2\n").feature_names == ("a", "b")
    assert load("1,2\n3,4\n").feature_names == ("x0", "x1")
    assert load("1,red\n3,blue\n").feature_names == ("x0", "x1=blue", "x1=red")
    assert load(",b\n0,2\n").feature_names == ("x0", "b")
    assert load("1990,1991\n3,4\n", header=True).feature_names == ("1990", "1991")
    assert load("a,b\nc,d\n", header=False, encode="codes").X.tolist() == [[0, 0], [1, 1]]
    for text in ("a,b\nc,d\n", "a,b\n"):
        with pytest.raises(ArgumentError, match=r"a header can't be told from data(?s:.*)Write header=True"):
            load(text)


def test_quotes_blanks_blank_lines_and_marks_of_byte_order_are_no_matter(load):
    text = '\ufeff\n  \n a , "b, c",d\n\n 1 , "x ""y""\nz", 2\n\n   \n3,w,4'
    made = load(text, encode="codes")
    assert made.feature_names == ("a", "b, c", "d")
    assert made.X.tolist() == [[1, 1, 2], [3, 0, 4]]
    assert load(text, target="b, c").target_names == ("w", 'x "y"\nz')


def test_a_table_may_have_one_column(load):
    assert load("a\n1\n2\n").X.tolist() == [[1], [2]]
    assert load('a\n1\n""\n3\n', missing="drop").X.tolist() == [[1], [3]]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_and_decimal_commas_are_read(load, encoding):
    made = load("größe;ort\n1,5;Köln\n,25;Bonn\n".encode(encoding), encoding=encoding, delimiter=";", decimal=",")
    assert made.X.tolist() == [[1.5, 0, 1], [0.25, 1, 0]] and made.feature_names[0] == "größe"


def test_missing_fields_are_refused_filled_or_left_out(load):
    text = "a,b,c\n1,x,2\n?,y,3\n4,NA,5\n6,x,7\n"
    with pytest.raises(ArgumentError, match=r"line 3, column 'a': '\?' counts as missing, in 1 of 4 rows"):
        load(text)
    filled = load(text, missing="nan", target="c")
    assert filled.feature_names == ("a", "b=", "b=x", "b=y")
    np.testing.assert_array_equal(filled.X, [[1, 0, 1, 0], [math.nan, 0, 0, 1], [4, 1, 0, 0], [6, 0, 1, 0]])
    shorter = load(text, missing="drop", target="c")
    assert shorter.X.tolist() == [[1, 1], [6, 1]] and shorter.y.tolist() == [2, 7]
    assert load(text, missing="drop", drop=["a"], target="c").y.tolist() == [2, 3, 7]


def test_a_missing_target_is_refused_where_features_would_be_filled(load):
    with pytest.raises(ArgumentError, match=r"line 2, column 'b': '' counts as missing(?s:.*)missing='drop'") as error:
        load("a,b\n1,\n2,3\n", target="b", missing="nan")
    assert "missing='nan'" not in str(error.value)
    with pytest.raises(ArgumentError, match="every row has a missing field"):
        load("a,b\n1,\n", target="a", missing="drop", header=True)


def test_the_marks_of_missing_fields_can_be_given(load):
    assert load("a,b\n1,NA\n2,DE\n", marks=[""]).feature_names == ("a", "b=DE", "b=NA")
    assert np.isnan(load("a\n1\n-999\n", marks=["-999"], missing="nan").X[1, 0])
    with pytest.raises(DTypeError, match="marks is 'NA'; expected a list"):
        load("a\n1\n", marks="NA")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n\n3,4o\n5,6\n7,8\n", {}, "line 4, column 'b': '4o' is no number, 3 others of the column are"),
        ('a,b\n1,"x\ny"\n3,z\n5,6\n', {}, "line 5, column 'b': '6' is a number, 2 others of the column are not"),
        ("1,2\n3,1_000\n5,6\n", {}, "line 2, column 'x1': '1_000' is no number"),
        ("1\ninf\n", {}, "line 2, column 'x0': 'inf' is no number"),
        ("1\n1e999\n", {}, "line 2, column 'x0': '1e999' is beyond float64"),
        ("a;b\n1,5;2\n", {"delimiter": ";"}, "line 2, column 'a': '1,5' is a number with another(?s:.*)decimal=','"),
        ("a;b\n1;2\n", {"header": True}, r"there is one column, with ';' in every row.\n  Write delimiter=';'"),
        ("a,b\n1,2\n3\n", {}, "line 3 has 1 fields, line 1 has 2.\n  A field with ',' in it must stand in quotation"),
        ("a;b\n1,5;2\n", {}, "line 1 has 1.\n  Line 1 has ';' in it: write delimiter=';', decimal=','\\.$"),
        ("a,b\n1;5,2\n", {"delimiter": ";"}, "Line 1 has ',' in it: write delimiter=','\\.$"),
        ("a,b\n1,\x002\n", {}, "line 2 has a NUL character, which no text has"),
        ("a,b\n1,2\n".encode("utf-16-le"), {}, "line 1 has a NUL character(?s:.*)encoding='utf-16'"),
        ("a,b\n1,2\n\n3,4,5\n", {}, "line 4 has 3 fields, line 1 has 2"),
        ('a,b\n1,2\n3,"4\n5,6\n', {}, "line 3: unexpected end of data(?s:.*)quotation mark"),
        ('a,b\n1,"2"x\n', {}, "line 2: ',' expected after '\"'"),
        ("a,a\n1,2\n", {}, "two columns are called 'a'"),
        ("", {}, "the file has no rows"),
        ("\n\n", {}, "the file has no rows"),
        ("a,b\n", {"header": True}, "there is a header, and no row below it"),
        (b"a,b\n1,2\n\xe9,3\n", {}, r"line 3: byte 0xe9 is no utf-8(?s:.*)encoding='cp1252'"),
        (b"\xff\xfe\x31\x00", {}, "line 1: byte 0xff is no utf-8(?s:.*)encoding='utf-16'"),
        ("a\n1\n", {"encoding": "utf-9"}, "'utf-9', which Python does not know"),
        (FRUIT, {"target": "taste"}, "target speaks of a column 'taste'; there are 'weight', 'colour', 'name'"),
        (FRUIT, {"drop": [3]}, "drop speaks of column 3; there are 3: expected -3 to 2"),
        (FRUIT, {"categorical": [-4]}, "categorical speaks of column -4"),
        (FRUIT, {"target": "name", "drop": ["name"]}, "the target, 'name', is in drop as well"),
        (FRUIT, {"max_categories": 2}, r"column 'colour' has 3 categories in 3 rows(?s:.*)Write drop=\['colour'\]"),
    ],
)
def test_a_fault_is_named_with_its_file_line_and_column(load, path, text, options, message):
    with pytest.raises(ArgumentError, match=f"load_csv: {re.escape(str(path))}: (?s:.*){message}"):
        load(text, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"header": 1}, ArgumentError, "header is 1; expected one of True, False, 'infer'"),
        ({"encode": "hot"}, ArgumentError, "encode is 'hot'; expected one of 'one_hot', 'codes'"),
        ({"missing": None}, ArgumentError, "missing is None"),
        ({"delimiter": ",,"}, ArgumentError, "delimiter is ',,'; expected one sign"),
        ({"delimiter": "\n"}, ArgumentError, "delimiter is"),
        ({"decimal": ","}, ArgumentError, "delimiter and decimal are both ','"),
        ({"categorical": "name"}, DTypeError, r"categorical is 'name'; expected a list.\n  Write cate.*=\['name'\]"),
        ({"drop": 1}, DTypeError, r"Write drop=\[1\]"),
        ({"target": 1.0}, DTypeError, "target is 1.0; expected the name or the number"),
        ({"target": True}, DTypeError, "target is True"),
        ({"max_categories": 0}, ArgumentError, "max_categories is 0"),
        ({"dtype": int}, DTypeError, "dtype is <class 'int'>"),
    ],
)
def test_an_impossible_option_is_refused(load, options, error, message):
    with pytest.raises(error, match=f"load_csv: (?s:.*){message}"):
        load(FRUIT, **options)


def test_the_dtype_asked_for_is_the_one_of_the_features(load):
    assert load(FRUIT, dtype=np.float32).X.dtype == np.float32


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_csv(tmp_path / "nowhere.csv")


@given(st.text(st.sampled_from(list('ab1.,"\n\r ;?-')), max_size=30))
def test_any_text_gives_a_table_or_an_error_that_names_the_file(path, text):
    path.write_bytes(text.encode())
    try:
        made = load_csv(path, header=False, missing="nan")
    except ArgumentError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert len(made.X) >= 1 and made.X.shape[1] == len(made.feature_names)
