"""Which images an input stands for, in which order, under which names."""

import os

import pytest

from nucensus.discover import LeftOut, discover, list_images, natural_key
from nucensus.discover.walk import sort_names
from nucensus.errors import InputError

SUFFIXES = (".tif", ".png")


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*inputs):
    return [reference.name for reference in discover(inputs, SUFFIXES)]


def test_a_folder_is_listed_in_natural_order(tmp_path):
    touch(*(tmp_path / f"s{site}.tif" for site in (10, 1, 2)))
    assert names(tmp_path) == ["s1.tif", "s2.tif", "s10.tif"]


def test_spellings_of_a_number_are_sorted_as_texts(tmp_path):
    listed = ["a01_2.tif", "a1_1.tif", "a1_10.tif", "a002_1.tif", "a2_0.tif"]
    touch(*(tmp_path / name for name in reversed(listed)))
    assert names(tmp_path) == names(tmp_path / "*.tif") == sorted(listed, key=natural_key) == listed


def test_names_are_those_from_the_folder_that_one_is_in(tmp_path, monkeypatch):
    for where in ("one", "two/deep"):
        touch(tmp_path / where / "plate" / "a.tif", tmp_path / where / "b.tif")
        monkeypatch.chdir(tmp_path / where)
        assert names("plate") == names("./plate/../plate") == ["a.tif"]
        assert names("plate", "b.tif") == names("plate/", os.path.abspath("b.tif")) == [
            "plate/a.tif", "b.tif",
        ]  # fmt: skip
        assert [each.path for each in discover(["b.tif"], SUFFIXES)] == ["b.tif"]


def test_names_are_the_same_whichever_slash_a_path_has(tmp_path):
    touch(tmp_path / "plate" / "a.tif", tmp_path / "plate" / "b" / "c.tif")
    slash = os.altsep or os.sep  # that of the web, on Windows
    assert names(f"{tmp_path}{slash}plate{slash}a.tif", f"{tmp_path}{slash}plate{slash}b") == [
        "a.tif", "b/c.tif",
    ]  # fmt: skip


def test_a_folder_of_many_images_is_listed_whole(tmp_path):
    listed = [f"{number}.tif" for number in range(600)]
    touch(*(tmp_path / name for name in listed), tmp_path / "z" / "1.tif")
    assert names(tmp_path) == [*listed, "z/1.tif"]


def test_names_are_sorted_on_disk_as_they_are_in_memory():
    texts = ["s10", "s2", "s02", "s002", "µ1", "a", "\udc80", "s2\udc80", "é", "S2", "2s", "", "s2"]
    named = [(text, number == 1) for number, text in enumerate(texts)]
    in_memory, on_disk = list(sort_names(named)), list(sort_names(named, most_in_memory=1))
    assert in_memory == on_disk
    assert [text for text, _ in in_memory] == sorted(set(texts), key=natural_key)
    assert dict(in_memory)["s2"] is True


def test_only_images_of_a_folder_count(tmp_path):
    touch(tmp_path / "a.tif", tmp_path / "b.PNG", tmp_path / "truth.csv", tmp_path / ".hidden.tif")
    assert names(tmp_path) == ["a.tif", "b.PNG"]


def test_folders_below_count_and_their_images_are_named_by_their_path(tmp_path):
    touch(tmp_path / "b" / "1.tif", tmp_path / "a" / "1.tif", tmp_path / "z.tif")
    assert names(tmp_path) == ["z.tif", "a/1.tif", "b/1.tif"]


def test_images_beside_a_run_count_and_label_images_that_it_exported_do_not(tmp_path):
    run = tmp_path / "run"
    touch(tmp_path / "a.tif", run / "run.sqlite", run / "images.csv", run / "b.tif")
    touch(
        run / "a.tif.labels.tif", run / "b" / "c.tif[z=3].labels.tif", tmp_path / "mine.labels.tif"
    )
    assert names(tmp_path) == ["a.tif", "mine.labels.tif", "run/b.tif"]


def test_a_zarr_image_that_was_named_by_its_source_is_no_label_image(tmp_path):
    for name, said in (("a.tif.ome.zarr", '{"image-label": {}}'), ("b.czi.ome.zarr", "{}")):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".zattrs").write_text(said)
    assert [each.name for each in discover([tmp_path], (".zarr",))] == ["b.czi.ome.zarr"]


@pytest.mark.parametrize("ending", ["", "/", "//"])
def test_a_zarr_image_may_be_named_with_a_slash_behind_it(tmp_path, ending):
    touch(tmp_path / "a.zarr" / ".zattrs", tmp_path / "a.zarr" / "0" / "b.zarr" / "c")
    (found,) = discover([f"{tmp_path}/a.zarr{ending}"], (".zarr",))
    assert found.name == "a.zarr"


def test_a_folder_named_like_an_image_is_not_passed_over_in_silence(tmp_path):
    touch(tmp_path / "a.tif")
    (tmp_path / "b.tif").mkdir()
    assert names(tmp_path) == ["a.tif", "b.tif"]


def test_a_folder_named_like_an_index_is_a_folder(tmp_path):
    touch(tmp_path / "old.HTD" / "a.tif", tmp_path / "Index.xml" / "b.tif")
    assert names(tmp_path) == ["Index.xml/b.tif", "old.HTD/a.tif"]


def test_a_file_that_is_named_twice_counts_once(tmp_path):
    touch(tmp_path / "a.tif", tmp_path / "b.tif")
    assert names(tmp_path / "b.tif", tmp_path) == ["b.tif", "a.tif"]


def test_files_keep_the_order_in_which_they_are_given(tmp_path):
    touch(tmp_path / "a.tif", tmp_path / "b.tif")
    assert names(tmp_path / "b.tif", tmp_path / "a.tif") == ["b.tif", "a.tif"]


def test_a_glob_stands_for_the_images_that_match(tmp_path):
    touch(tmp_path / "A" / "1.tif", tmp_path / "B" / "1.tif", tmp_path / "B" / "1.csv")
    assert names(f"{tmp_path}/*/1.*") == ["A/1.tif", "B/1.tif"]


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path):
    touch(tmp_path / "a[1].tif")
    assert names(tmp_path / "a[1].tif") == ["a[1].tif"]


def test_an_explicit_file_counts_whatever_its_ending(tmp_path):
    touch(tmp_path / "a.xyz")
    assert names(tmp_path / "a.xyz") == ["a.xyz"]


def test_size_and_time_are_noted(tmp_path):
    touch(tmp_path / "a.tif")
    (reference,) = discover([tmp_path], SUFFIXES)
    stat = os.stat(tmp_path / "a.tif")
    assert (reference.size_bytes, reference.mtime_ns) == (1, stat.st_mtime_ns)


def test_a_name_that_is_not_utf8_is_kept(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.tif"
    with open(path, "wb") as file:
        file.write(b"x")
    (reference,) = discover([tmp_path], SUFFIXES)
    assert os.fsencode(reference.name) == b"caf\xe9.tif"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nothing", "does not exist"),
        (lambda folder: folder, "holds no image; expected files that end in .tif, .png"),
        (lambda folder: f"{folder}/*.tif", "holds no image"),
    ],
)
def test_an_input_without_an_image_is_an_error_that_says_so(tmp_path, make, message):
    with pytest.raises(InputError, match=message):
        discover([make(tmp_path)], SUFFIXES)


@pytest.mark.parametrize(
    "typed", ["Platte 1 (März)/s1.tif", "Plate 1 (Marz)/s1.tif", "Plate", "Plate 1 (März)/s2.tif"]
)
def test_of_a_path_that_is_mistyped_the_nearest_that_is_there_is_told(tmp_path, typed):
    touch(tmp_path / "Plate 1 (März)" / "s1.tif", tmp_path / "other" / "s1.tif")
    with pytest.raises(InputError, match=r"; did you mean '.*Plate 1 \(März\)(.s1\.tif)?'\?$"):
        discover([tmp_path / typed], SUFFIXES)


@pytest.mark.skipif(os.name == "nt", reason="making links there needs a right of its own")
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "given",
    [
        ("one", "link"),
        ("link", "link2"),
        ("one/img_1.tif", "img_1.tif"),
        ("one/img_1.tif", "link/img_1.tif"),
    ],
)
def test_what_two_inputs_name_one_of_them_by_a_link_is_counted_once_with_a_word(
    tmp_path, given, order
):
    (tmp_path / "one").mkdir()
    for name in ("img_1", "img_2"):
        (tmp_path / "one" / f"{name}.tif").write_bytes(b"")
    for link, target in (("link", "one"), ("link2", "one"), ("img_1.tif", "one/img_1.tif")):
        (tmp_path / link).symlink_to(tmp_path / target)
    left_out = LeftOut()
    inputs = [tmp_path / each for each in given][::order]
    found = list(list_images(inputs, SUFFIXES, left_out=left_out))
    assert len(found) == (1 if given[0].endswith("tif") else 2)
    assert {os.path.realpath(each.path) for each in found} == {
        os.path.realpath(each.path) for each in list_images(inputs[:1], SUFFIXES)
    }
    assert left_out.lines()[0].startswith("1 left out: links to what another input names")
    assert all("one" in each.path for each in found) or "link" in given[0]


@pytest.mark.skipif(os.name == "nt", reason="making links there needs a right of its own")
def test_links_to_images_of_the_same_input_are_counted_once_and_linked_folders_told(tmp_path):
    top = tmp_path / "top"
    touch(top / "P1" / "a.tif", top / "P1" / ".old" / "b.tif", tmp_path / "else" / "c.tif")
    (top / "by drug" / "taxol").mkdir(parents=True)
    for name, target in (("a", "P1/a"), ("b", "P1/.old/b"), ("c", "../else/c"), ("d", "by drug/d")):
        (top / "by drug" / f"{name}.tif").symlink_to(top / f"{target}.tif")
    (top / "by drug" / "taxol" / "x.tif").symlink_to(top / "P1" / "a.tif")
    (top / "P2").symlink_to(tmp_path / "else")
    (top / "loop").symlink_to("loop")
    left_out = LeftOut()
    found = [each.name for each in list_images([top], SUFFIXES, left_out=left_out)]
    assert sorted(found) == ["P1/a.tif", "by drug/b.tif", "by drug/c.tif", "by drug/d.tif"]
    links, folders = sorted(left_out.lines(), key=len, reverse=True)
    assert links.startswith("2 left out: links to images that are listed where they lie")
    assert "links to folders, which are not followed; name them to have them counted" in folders
    assert names(top / "by drug") == ["a.tif", "b.tif", "c.tif", "d.tif", "taxol/x.tif"]


@pytest.mark.parametrize("spelled", ["./P", "P/../P", "P//a.tif", "{here}/P"])
def test_an_image_that_is_named_twice_counts_once_however_it_is_written(
    tmp_path, monkeypatch, spelled
):
    touch(tmp_path / "P" / "a.tif")
    monkeypatch.chdir(tmp_path)
    given = ["P", spelled.format(here=tmp_path)]
    assert [each.name for each in discover(given, SUFFIXES)] == ["a.tif"]


def test_numbers_sort_by_value_and_letters_by_letter():
    assert sorted(["b1", "a10", "a9", "²", "a"], key=natural_key) == ["a", "a9", "a10", "b1", "²"]


@pytest.mark.skipif(os.name == "nt", reason="making links there needs a right of its own")
@pytest.mark.parametrize("given", ["", "*.tif"])
def test_an_image_with_a_link_to_it_beside_it_counts_once(tmp_path, given):
    touch(tmp_path / "a.tif", tmp_path / ".hidden.tif", tmp_path.parent / "other" / "d.tif")
    (tmp_path / "A_link.tif").symlink_to("a.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "A_link.tif")
    (tmp_path / "c.tif").symlink_to(".hidden.tif")
    (tmp_path / "d.tif").symlink_to(tmp_path.parent / "other" / "d.tif")
    (tmp_path / "lost.tif").symlink_to("nowhere.tif")
    left_out = LeftOut()
    found = list_images([tmp_path / given], SUFFIXES, left_out=left_out)
    assert sorted(each.name for each in found) == ["a.tif", "c.tif", "d.tif", "lost.tif"]
    (line,) = left_out.lines()
    assert line.startswith("2 left out: links to images that are listed where they lie")
    assert names(tmp_path / "b.tif") == ["b.tif"]
