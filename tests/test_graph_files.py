"""A user's graph is read as it is, and whatever is wrong is told in one line."""

import numpy as np
import pytest

from kerasbio.datasets.files.graph_files import read_graph
from kerasbio.errors import KerasbioError

NODES = """id,label,tp53,brca1
a,x,1,0.5
b,x,2,-1e3
c,x,3,0
d,y,4,0
e,y,5,0
f,y,6,0
g,,7,0
"""
EDGES = "source,target\na,b\nc,d\ne,f\n"


def write(path, nodes=NODES, edges=EDGES, encoding="utf-8"):
    if nodes is not None:
        (path / "nodes.csv").write_text(nodes, encoding=encoding)
    if edges is not None:
        (path / "edges.csv").write_text(edges, encoding=encoding)
    return path


def refused(path, *words):
    with pytest.raises(KerasbioError) as error:
        read_graph(path)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_graph(tmp_path):
    graph = read_graph(write(tmp_path))
    assert len(graph) == 7 and graph.classes == ("x", "y")
    assert graph.labels.tolist() == [0, 0, 0, 1, 1, 1, -1] and graph.labels.dtype == np.int64
    assert graph.subjects.tolist() == list("abcdefg")
    assert graph.feature_names == ("tp53", "brca1")
    np.testing.assert_array_equal(graph.features[:2], np.float32([[1, 0.5], [2, -1000]]))
    assert graph.features.dtype == graph.weights.dtype == np.float32
    assert graph.edges.tolist() == [[0, 1], [2, 3], [4, 5]] and graph.edges.dtype == np.int64
    assert graph.weights.tolist() == [1, 1, 1]
    assert graph.notes == [
        f"{tmp_path / 'nodes.csv'}: nodes without a label: 1 of 7.",
        f"{tmp_path / 'edges.csv'}: nodes without an edge: 1 of 7.",
    ]
    assert graph[3]["label"] == 1 and graph[3]["subject"] == "d"


def test_it_has_what_the_simulated_network_has(tmp_path):
    from kerasbio.datasets.gene_network import GeneNetwork

    graph = read_graph(write(tmp_path))
    names = "classes labels subjects features feature_names edges weights notes input_names"
    for name in names.split():
        assert type(getattr(graph, name)) is type(getattr(GeneNetwork(100), name)), name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_names_in_any_case_quotes_and_spaces(tmp_path, encoding):
    nodes = '"Expression, log",LABEL, Id \n"1.5","T cell, naïve","gene ""A"""\n2,B,b\n'
    nodes += "3,B,c\n4,B,d\n" + "".join(f'5,"T cell, naïve",t{k}\n' for k in range(2))
    edges = 'WEIGHT,Target,Source\n0.5,"gene ""A""", b\n\n,,\n2,c,d\n'
    graph = read_graph(write(tmp_path, nodes, edges, encoding))
    assert graph.feature_names == ("Expression, log",)
    assert graph.classes == ("B", "T cell, naïve") and graph.subjects[0] == 'gene "A"'
    assert graph.edges.tolist() == [[0, 1], [2, 3]] and graph.weights.tolist() == [0.5, 2]


def test_edges_that_are_dropped_or_merged_are_told(tmp_path):
    edges = "source,target,weight,score\na,b,1,9\nb,a,2,9\na,b,1,9\nc,c,1,9\nd,c,1,9\nd,c,1,9\n"
    graph = read_graph(write(tmp_path, edges=edges))
    assert graph.edges.tolist() == [[0, 1], [2, 3]] and graph.weights.tolist() == [2, 1]
    notes = [note.split("edges.csv: ")[1] for note in graph.notes if "edges.csv" in note]
    assert notes == [
        "the column 'score' is not used.",
        "edges from a node to itself, dropped: 1.",
        "edges named again in the same direction, merged: 2.",
        "edges named in both directions, merged: 1.",
        "edges with several weights, the largest of which was kept: 1.",
        "nodes without an edge: 3 of 7.",
    ]


def test_a_graph_without_classes_can_be_asked_for(tmp_path):
    write(tmp_path, "id,f\n" + "".join(f"{k},1\n" for k in "abcdef"))
    refused(tmp_path, "nodes.csv lacks the column 'label'")
    graph = read_graph(tmp_path, labelled=False)
    assert graph.classes == () and graph.labels.tolist() == [-1] * 6


def test_wrong_folders(tmp_path):
    refused(tmp_path / "absent", "absent does not exist", "nodes.csv and edges.csv")
    refused(tmp_path, "nodes.csv does not exist")
    write(tmp_path, edges=None)
    refused(tmp_path, "edges.csv does not exist")
    refused(tmp_path / "nodes.csv", "is a file: give the folder")
    (tmp_path / "edges.csv").mkdir()
    refused(tmp_path, "edges.csv is a folder")


def test_tables_in_another_encoding_or_broken(tmp_path):
    write(tmp_path).joinpath("nodes.csv").write_bytes(NODES.encode("utf-16"))
    refused(tmp_path, "nodes.csv is no CSV in UTF-8")
    write(tmp_path, edges='source,target\na,"b\n')
    refused(tmp_path, "edges.csv is no CSV (row from line 2", "unexpected end of data")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ("", ("nodes.csv is empty", "name the columns")),
        ("id,label,f\n", ("nodes.csv", "holds no row")),
        ("gene,label,f\na,x,1\n", ("lacks the column 'id' (it has 'gene, label, f')",)),
        ("id;label;f\na;x;1\n", ("lacks the column 'id'", "separated by commas")),
        ("id,label,f,f\na,x,1,2\n", ("2 columns named 'f'",)),
        ("id,ID,label,f\na,a,x,1\n", ("2 columns named 'id'",)),
        (",id,label,f\n0,a,x,1\n", ("column 1 has no name",)),
        ("id,label\na,x\n", ("no column of features",)),
        ("id,label,f\na,x,1\nb,x\n", ("line 3: 2 cells where the first line has 3",)),
        ("id,label,f\na,x,1\n,x,1\n", ("line 3: the id is empty",)),
        ("id,label,f\na,x,1\n\na,x,1\n", ("line 4: the id 'a' is that of line 2 too",)),
        ("id,label,f,g\na,x,1,high\n", ("line 2, column 'g': 'high' is no finite number",)),
        ("id,label,f,g\na,x,,1\n", ("line 2, column 'f': an empty cell is no finite number",)),
        ("id,label,f\na,x,nan\n", ("line 2, column 'f': 'nan' is no finite number",)),
        ("id,label,f\na,x,-inf\n", ("column 'f': '-inf' is no finite number",)),
        ("id,label,f\na,x,1e39\n", ("column 'f': '1e39' is no finite number",)),
        ('id,label,f\na,x,"1,5"\n', ("'1,5' is no finite number", "a point for the decimals")),
        ('id,label,f\na,x,"two\nlines"\n', ("line 3", r"'two\nlines'")),
        (NODES.replace("y", "x"), ("only the class 'x'", "two classes")),
        (NODES.replace("x", "").replace("y", ""), ("no label", "two classes")),
        (NODES.replace("f,y", "f,"), ("class 'y'", "has 2 node(s)", "at least 3")),
    ],
)
def test_wrong_nodes(tmp_path, nodes, words):
    refused(write(tmp_path, nodes), "nodes.csv", *words)


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ("", ("edges.csv is empty",)),
        ("source,target\n", ("holds no row",)),
        ("from,to\na,b\n", ("lacks the column 'source'", "source,target")),
        ("source,target,Source\na,b,c\n", ("2 columns named 'source'",)),
        ("source,target\na,b\na,z\n", ("line 3, column 'target': 'z' is no id of nodes.csv",)),
        ("source,target\n,b\n", ("line 2, column 'source': '' is no id",)),
        ("source,target\na,a\n", ("joins no two nodes",)),
        ("source,target,weight\na,b,0\n", ("line 2, column 'weight': '0' is no positive",)),
        ("source,target,weight\na,b,-1\n", ("'-1' is no positive and finite number",)),
        ("source,target,weight\na,b,1e-60\n", ("'1e-60' is no positive and finite number",)),
        ("source,target,weight\na,b,inf\n", ("'inf' is no positive and finite number",)),
        ("source,target,weight\na,b,NaN\n", ("'NaN' is no positive and finite number",)),
        ("source,target,weight\na,b,\n", ("an empty cell is no positive and finite number",)),
        ("source,target,weight\na,b,strong\n", ("'strong' is no positive and finite number",)),
    ],
)
def test_wrong_edges(tmp_path, edges, words):
    refused(write(tmp_path, edges=edges), "edges.csv", *words)


def test_many_nodes_and_edges_are_read_whole(tmp_path):
    random, count = np.random.default_rng(0), 2000
    values = random.normal(size=(count, 5)).astype(np.float32)
    ends = random.integers(0, count, (20_000, 2))
    rows = [f"n{k},c{k % 4}," + ",".join(map(str, values[k])) for k in range(count)]
    edges = "\n".join(f"n{i},n{j}" for i, j in ends)
    nodes = "id,label,v,w,x,y,z\n" + "\n".join(rows)
    graph = read_graph(write(tmp_path, nodes, "source,target\n" + edges))
    np.testing.assert_array_equal(graph.features, values)
    expected = {(min(i, j), max(i, j)) for i, j in ends.tolist() if i != j}
    assert [tuple(pair) for pair in graph.edges.tolist()] == sorted(expected)
