"""The command line: help, version, usage; train and measure; super-resolution and colour from
search to picture."""

import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import FILES, ROOT, SEARCH, TRAIN, hinas, python, refused, setting
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hinas_book.kit.registry import designs
from hinas_lab import __version__
from hinas_lab.cli.common import EXAMPLES, resolve
from hinas_lab.cli.main import build_parser, command_modules, main
from hinas_lab.images.protocol import PROTOCOLS
from hinas_lab.presets import PRESETS
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.runs.folder import load_network

ROW = {
    "dataset",
    "method",
    "sigma",
    "protocol",
    "n",
    "psnr",
    "ssim",
    "psnr_se",
    "ssim_se",
    "seconds",
    "peak_mb",
}
RUN_OPTIONS = (
    "--task --scale --preset --data --sigma --seed --device --threads --run --resume --set"
)
OPTIONS = {
    "search": RUN_OPTIONS,
    "train": "--genotype " + RUN_OPTIONS,
    "evaluate": "--method --dataset --sigma --scale --protocol --limit --json --save "
    "--device --threads",
    "restore": "--run --out --tile --device --threads",
    "data": "",
    "data list": "",
    "data get": "",
    "data verify": "",
    "data where": "",
    "data audit": "--train --test",
    "study": "",
    **{
        f"study {name}": "--preset --seeds --data --run --executor --workers --device --json"
        for name in designs()
    },
    "study protocol": "--method --dataset --sigma --scale --limit --strides --run "
    "--device --threads",
    "study bicubic": "--json",
    "latency": "--preset --task --scale --rounds --out --device --threads",
    "demo": "--run --seed",
    "doctor": "",
}
"what is promised of every command"
COMMANDS = [module.__name__.rpartition(".")[2] for module in command_modules()]


def interrupt(args):
    raise KeyboardInterrupt


# Help, version, usage


@pytest.mark.parametrize("command", ["", *OPTIONS])
def test_help(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = hinas(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    said = re.findall(r"--[a-z]+", out) if command else out.split()
    assert set(OPTIONS[command].split() if command else COMMANDS) <= set(said)


def test_help_names_what_can_be_chosen():
    out = hinas("search", "--help").out
    assert all(name in out for name in (*PRESETS, "denoise", "sr"))


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("search --run r", {"space", "search"}),
        ("train --genotype g --run r", {"train"}),
        ("memory", {"space", "search", "train"}),
    ],
)
def test_set_offers_and_takes_what_the_command_uses(command, parts):
    """A field that a command does not use is neither in its help nor taken."""
    out = " ".join(hinas(command.split()[0], "--help").out.split())
    for part, example in EXAMPLES.items():
        args = build_parser().parse_args([*command.split(), "--set", example])
        assert (example in out) == (part in parts)
        if part in parts:
            assert resolve(args, "denoise", None) != resolve(
                build_parser().parse_args(command.split()), "denoise", None
            )
        else:
            with pytest.raises(ValueError, match=f"--set {example}: write"):
                resolve(args, "denoise", None)


def test_every_command_with_set_is_held_to_its_parts():
    """Also one that is added later."""
    commands = build_parser()._subparsers._group_actions[0].choices
    with_set = {name for name, c in commands.items() if "--set" in c._option_string_actions}
    assert with_set == {"search", "train", "memory"}


def test_version():
    assert hinas("--version") == (0, f"hinas_lab {__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--help", 0),
        ("search --help", 0),
        ("--version", 0),
        ("search", 2),
        ("evaluate --method x", 2),
    ],
)
def test_quick_answers_load_no_torch(line, code):
    done = python(
        "-c",
        """
import sys
from hinas_lab.cli.main import main
try:
    sys.exit(main())
finally:
    assert "torch" not in sys.modules
""",
        *line.split(),
    )
    assert done.returncode == code and len(done.stderr.splitlines()) == code // 2, done.stderr


def test_every_command_is_a_file():
    files = {
        p.stem for room in ("hinas_lab", "hinas_book") for p in (ROOT / room / "cli").glob("*.py")
    }
    assert files - {"__init__", "common", "main", "methods"} == set(COMMANDS)
    assert {a.dest for a in build_parser()._actions} >= {"command", "debug"}


@pytest.mark.parametrize(
    "argv", [["--debug", "evaluate", "--method", "x"], ["evaluate", "--method", "x", "--debug"]]
)
def test_debug_shows_where(argv):
    refused(hinas(*[a for a in argv if a != "--debug"]), "method = 'x'")
    with pytest.raises(ValueError, match="method = 'x'"):
        main(argv)


def test_debug_in_a_process():
    """Without it no traceback, with it one that ends with the same words."""
    plain, debug = (
        python("-m", "hinas_lab", *more, "evaluate", "--method", "x") for more in ([], ["--debug"])
    )
    refused((plain.returncode, plain.stdout, plain.stderr), "method = 'x'")
    assert debug.returncode and debug.stderr.startswith("Traceback")
    assert debug.stderr.endswith(plain.stderr.split("error: ")[1])


def test_an_error_nobody_thought_of(monkeypatch):
    """One line too, that asks for --debug."""

    def fail(args):
        raise KeyError("surprise")

    monkeypatch.setattr("hinas_lab.cli.doctor.run", fail)
    code, out, err = hinas("doctor")
    assert (
        (code, out) == (2, "") and err.count("\n") == 1 and "KeyError" in err and "--debug" in err
    )
    with pytest.raises(KeyError):
        main(["doctor", "--debug"])


def test_a_missing_package_is_named(monkeypatch, tiny):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    refused(hinas("evaluate", "--method", tiny.train), "tqdm", "pip install tqdm")


@pytest.mark.parametrize("where", ["closed pipe", "/dev/full"])
def test_output_that_cannot_be_written(where):
    """The reader left: no error of ours. A full disk: one line."""
    if where == "/dev/full":
        if not Path(where).exists():
            pytest.skip("no /dev/full here")
        target = os.open(where, os.O_WRONLY)
    else:
        source, target = os.pipe()
        os.close(source)
    done = python("-m", "hinas_lab", "search", "--help", stdout=target)
    os.close(target)
    if where == "/dev/full":
        refused((done.returncode, "", done.stderr), "No space left")
    else:
        assert (done.returncode, done.stderr) == (0, "")


def test_interrupted_anywhere(monkeypatch):
    monkeypatch.setattr("hinas_lab.cli.doctor.run", interrupt)
    code, out, err = hinas("doctor")
    assert (code, out, err) == (130, "", "hinas-lab: interrupted\n")


def test_doctor():
    code, out, err = hinas("doctor")
    assert (code, err) == (0, "") and all(
        name in out for name in ("python", "torch", "GPU", "threads")
    )


# Search and train say what they did, and what comes next


def test_search_and_train_say_what_comes_next(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas(*tiny.argv["search"], "--run", "s")
    assert code == 0 and "entropy of alpha" in out and "genotype: denoise path" in out
    assert not err, "a progress bar belongs on a terminal"
    command = re.search(r"next: hinas-lab (train .*) --run NEW_FOLDER", out)[1].split()
    assert command == ["train", "--genotype", "s", "--preset", "tiny", "--data", str(tiny.photos)]
    code, out, err = hinas(*command, *setting(TRAIN), "--run", "t")
    parameters = load_network("t")[1]["parameters"]
    assert (
        code == 0 and f"trained {parameters:,} parameters (preset tiny*, seed 0)" in out and not err
    )
    assert "hinas-lab restore PHOTO --run t" in out


# Evaluate


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_output_of_any_encoding(tiny, tmp_path, encoding, monkeypatch):
    """As pipes have it on Windows. The work counts; a character that is not there is a question
    mark."""
    names = ["σ.png", "日本.png", "plain.png"]
    for name in names:
        Image.fromarray(np.full((24, 24), 99, np.uint8)).save(tmp_path / name)
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    argv = ["restore", *(tmp_path / name for name in names), "--run", tiny.train]
    done = python("-m", "hinas_lab", *argv, "--out", tmp_path / "out", encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "out")) == sorted(names)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and lines[2].startswith("plain.png: 24 x 24 8-bit gray")
    assert lines[0].startswith("?.png: ") and lines[1].startswith("??.png: ")


def test_signs_of_the_tables_in_a_windows_pipe(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    done = python("-m", "hinas_lab", "study", "published", encoding="cp1252")
    assert done.returncode == 0 and done.stdout, done.stderr


def strict_json(path: Path) -> dict:
    """JSON as other programs read it: no NaN."""

    def no(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(), parse_constant=no)


@pytest.fixture(scope="module")
def rows(tiny, tmp_path_factory):
    """JSON and text of ``evaluate`` by method, on the small photographs; the classical one is tuned
    on small crops."""
    folder, out = tmp_path_factory.mktemp("evaluate"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hinas_lab.restoration.classical.TUNING_CROP", 48)
        for method in ("tv", tiny.train):
            argv = ["evaluate", "--method", method, "--dataset", tiny.photos, "--sigma", 25]
            code, text, err = hinas(*argv, "--json", folder / "e.json")
            assert code == 0 and ("trained on 8 of the images" in err) == (
                method == tiny.train
            ) == bool(err)
            out[str(method)] = strict_json(folder / "e.json"), text
    return out


@pytest.mark.parametrize("method", ["tv", "train"])
def test_rows_add_up(tiny, rows, method):
    method = str(getattr(tiny, method, method))
    told, text = rows[method]
    (row,), images = told["rows"], told["images"]
    assert set(row) == ROW and row["n"] == len(images) == 8
    assert [i["image"] for i in images] == sorted(p.name for p in tiny.photos.iterdir())
    for said in (row, *images):
        assert (said["method"], said["sigma"], said["protocol"]) == (method, 25.0, "whole")
    for name in ("psnr", "ssim", "seconds"):
        assert row[name] == pytest.approx(
            sum(i[name] for i in images) / 8, abs=1e-12
        )  # not that of the mean error
    for name in ("psnr", "ssim"):
        values = np.array([i[name] for i in images])
        assert row[f"{name}_se"] == pytest.approx(values.std(ddof=1) / math.sqrt(8), rel=1e-9)
    lines = text.splitlines()
    assert [
        f"{i['psnr']:.2f} dB" in line and i["image"] in line for i, line in zip(images, lines)
    ] == [True] * 8
    assert f"{row['psnr']:.2f} dB" in lines[8] and "n = 8" in lines[8]
    assert "sigma 25" in lines[9] and "peak memory" in lines[9] and "protocol whole" in lines[10]
    assert (
        "seed 0" in text
        and max(map(len, lines[9:])) < 80
        and told["protocol"]["name"] == "whole"
        and told["env"]["device"] == "cpu"
    )


def test_numbers_are_those_of_scikit_image(tiny, rows):
    """One image by hand: the protocol's noise, the net, skimage's metrics under the same
    convention."""
    net, _ = load_network(tiny.train)
    names = sorted(p.name for p in tiny.photos.iterdir())
    clean = np.asarray(Image.open(tiny.photos / names[3]).convert("L"), dtype=np.float32) / 255
    restored = restore_array(net, PROTOCOLS["whole"].degrade(clean, 25.0, 3))
    image = rows[str(tiny.train)][0]["images"][3]
    assert image["psnr"] == pytest.approx(
        peak_signal_noise_ratio(clean, restored, data_range=1), abs=1e-4
    )
    convention = {"data_range": 1, "gaussian_weights": True, "use_sample_covariance": False}
    _, full = structural_similarity(clean, restored, full=True, **convention)
    assert image["ssim"] == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)


def test_classical_method_removes_noise(tiny, rows):
    """sigma 25 alone is 20.2 dB."""
    assert rows["tv"][0]["rows"][0]["psnr"] > 22


def test_limit_and_a_single_image(tiny, tmp_path, rows):
    """The first images, with the same noise; one image has no standard error, and none is written
    as NaN."""
    for n in (1, 3):
        argv = [
            "evaluate",
            "--method",
            tiny.train,
            "--dataset",
            tiny.photos,
            "--sigma",
            25,
            "--limit",
            n,
        ]
        assert hinas(*argv, "--json", tmp_path / "e.json").code == 0
        told = strict_json(tmp_path / "e.json")
        assert told["rows"][0]["n"] == n
        assert [i["psnr"] for i in told["images"]] == [
            i["psnr"] for i in rows[str(tiny.train)][0]["images"][:n]
        ]
        assert (told["rows"][0]["psnr_se"] is None) == (n == 1)


def test_built_in_photographs(tiny, tmp_path):
    code, out, _ = hinas("evaluate", "--method", tiny.train, "--limit", 1)
    assert code == 0 and out.startswith("camera")


# The other task, and colour


@pytest.mark.parametrize(
    ("task", "space", "shape"),
    [
        (["--task", "sr", "--scale", 2], {}, (96, 96)),
        (["--task", "sr", "--scale", 3], {"space.channels": 3}, (144, 144, 3)),
        ([], {"space.channels": 3}, (48, 48, 3)),
    ],
    ids=["sr x2 gray", "sr x3 colour", "denoise colour"],
)
def test_from_search_to_picture(tiny, tmp_path, monkeypatch, task, space, shape):
    monkeypatch.chdir(tmp_path)
    common = ["--preset", "tiny", "--data", tiny.photos]
    assert hinas("search", *common, *task, *setting(SEARCH | space), "--run", "s").code == 0
    assert hinas("train", *common, "--genotype", "s", *setting(TRAIN), "--run", "t").code == 0
    assert {p.name for p in Path("s").iterdir()} == {p.name for p in Path("t").iterdir()} == FILES
    genotype, (_, info) = json.loads(Path("s/genotype.json").read_text()), load_network("t")
    asked = dict(
        zip(
            ("task", "scale", "channels"),
            (*(task[1::2] or ["denoise", 1]), space.get("space.channels", 1)),
        )
    )
    assert {k: genotype[k] for k in asked} == {k: info[k] for k in asked} == asked
    photo = Image.open(tiny.photos / "coins.png").convert("RGB" if len(shape) == 3 else "L")
    photo.save("photo.png")
    code, _, err = hinas("restore", "photo.png", "--run", "t", "--out", "out.png")
    assert code == 0 and np.asarray(Image.open("out.png")).shape == shape
    if info["task"] == "sr":
        code, out, err = hinas("evaluate", "--method", "t", "--dataset", tiny.photos, "--limit", 2)
        assert (
            code == 0
            and "trained on" in err
            and "protocol sr-standard" in out
            and f"x{info['scale']}" in out
        )
    else:
        assert hinas("evaluate", "--method", "t", "--dataset", tiny.photos, "--limit", 2).code == 0
        assert (
            "protocol whole-rgb"
            in hinas("evaluate", "--method", "t", "--dataset", tiny.photos, "--limit", 1).out
        )


def test_gray_net_takes_colour_as_gray(tiny):
    """The built-in photographs chelsea and coffee are in colour; a gray net is measured on PIL's
    L."""
    assert load_network(tiny.train)[1]["channels"] == 1
    assert hinas(
        "evaluate", "--method", tiny.train, "--dataset", tiny.photos, "--limit", 1
    ).out.startswith("astronaut")
