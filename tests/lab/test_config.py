"""Configs are frozen and plain JSON, presets as documented; a wrong value is one
line naming it."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinas_lab.config import Loss, SearchConfig, SearchSpace, TrainConfig, from_dict, to_dict
from hinas_lab.presets import PRESETS, preset

NAN, INF = float("nan"), float("inf")
SR = {"task": "sr", "scale": 4}

# For every field another legal value (and what else must change with it).
OTHER = {
    SearchSpace: {
        "task": SR,
        "scale": SR | {"scale": 2},
        "channels": 3,
        "layers": 2,
        "nodes": 3,
        "width": 20,
        "width_factors": (1.0, 2.0),
        "stem": 32,
        "repeats": 1,
        "lwas": False,
        "cell_sharing": "off",
        "residual": False,
        "beta_norm": "incoming",
        "second_input": "mixed",
        "end": "aspp",
        "sigmoid": True,
        "upsampling": "bilinear",
        "ops": ("conv_3x3", "skip"),
        "fixed_path": (0, 1, 2),
        "affine": True,
        "arch_start": "ones",
    },
    SearchConfig: {
        "sigmas": (50.0,),
        "batch": 4,
        "patch": 32,
        "epochs": 7,
        "crops_per_image": 3,
        "warmup_epochs": 0,
        "validate_from": 1,
        "val_fraction": 0.5,
        "val_images": "last",
        "validate_crop": 64,
        "score": "psnr",
        "loss": Loss(lam=0),
        "optimizer": "adam",
        "lr": 1,
        "lr_min": 0,
        "schedule": "wave",
        "momentum": 0,
        "weight_decay": 0,
        "grad_clip": 5.0,
        "value_clip": 2.0,
        "arch_lr": 0.01,
        "arch_beta1": 0.5,
        "arch_weight_decay": 0,
        "arch_split": "weights",
        "keep_supernet": "last",
        "precision": "bfloat16",
        "checkpoint": True,
        "method": "uniform",
        "decoder": "other",
        "stop": "skips",
        "rescale": (0.9, 1.1),
        "budget": "1.5GMAC",
        "budget_width": 8,
        "budget_stem": 16,
        "budget_end": "aspp",
        "budget_repeats": 1,
        "budget_ms": (1.0, 2.5),
        "budget_rate": 0.5,
        "seed": 2**40,
    },
    TrainConfig: {
        "width": 16,
        "stem": 32,
        "end": "aspp",
        "repeats": 1,
        "upsampling": "torch",
        "crops_per_image": 4,
        "rescale": (0.8, 1.2),
        "val_fraction": 0.01,
        "sigmas": (30.0, 70.0),
        "batch": 4,
        "patch": 32,
        "iterations": 5,
        "loss": Loss(pixel="l1"),
        "optimizer": "adam",
        "lr": 1e-3,
        "lr_min": 1e-5,
        "warmup": 2,
        "schedule": "poly",
        "momentum": 0.5,
        "weight_decay": 0,
        "biases": "double",
        "grad_clip": 1.0,
        "value_clip": 5.0,
        "precision": "tf32",
        "seed": 1,
    },
    Loss: {
        "lam": 0.5,
        "pixel": "l1",
        "reduction": "sum",
        "average_terms": True,
        "padding": "zero",
        "log_of": "mean",
    },
}
CHANGES = [
    pytest.param(cls, name, v if isinstance(v, dict) else {name: v}, id=f"{cls.__name__}-{name}")
    for cls, values in OTHER.items()
    for name, v in values.items()
]

WHOLE = (0, -1, 1.5, 2.0, "3", True, None, NAN)
NUMBER = (-1, "1", True, None, NAN, INF, [1])
WRONG = {
    SearchSpace: {
        "task": ("blur", None, ["sr"]),
        "scale": (2, 0, True, 1.0, "1"),
        "channels": (2, True, 3.0, "3"),
        "layers": WHOLE,
        "nodes": WHOLE,
        "width": WHOLE,
        "stem": WHOLE,
        "repeats": WHOLE,
        "width_factors": (
            (),
            (1.25,),
            (0.0,),
            (-1.0,),
            ("1",),
            (NAN,),
            (INF,),
            (True,),
            ((1,),),
            1.5,
            None,
            "12",
            {},
        ),
        "lwas": ("no", 1, None),
        "residual": ("yes", 0),
        "sigmoid": ("no", None),
        "affine": ("no", 1),
        "cell_sharing": (True, "both"),
        "beta_norm": ("both",),
        "second_input": ("first",),
        "end": ("pool",),
        "upsampling": ("nearest",),
        "ops": ((), ("none",), ("conv_7x7",), ("skip", "skip"), "skip", (1,)),
        "fixed_path": (
            (0, 0),
            (2, 1, 0),
            (0, 2, 2),
            (0, 1, 3),
            (0, -1, 0),
            (0, True, 1),
            (0, 1.0, 1),
            ("0", "1", "2"),
            5,
            "012",
        ),
    },
    SearchConfig: {
        "sigmas": ((), (-1.0,), (256.0,), ("fifty",), (True,), (NAN,), 50.0, None, "50"),
        "batch": WHOLE,
        "patch": (*WHOLE, 10),
        "epochs": WHOLE,
        "crops_per_image": WHOLE,
        "warmup_epochs": WHOLE[1:],
        "validate_from": WHOLE,
        "val_fraction": (*NUMBER, 0, 0.6),
        "validate_crop": (10, 20.0, "32", True),
        "score": ("ssim",),
        "loss": (None, 0.6, "mse", {"lam": 1}),
        "optimizer": ("rmsprop",),
        "lr": (*NUMBER, 0),
        "lr_min": NUMBER,
        "schedule": ("step", "poly"),
        "value_clip": (0, -1, "1", NAN),
        "momentum": (*NUMBER, 1, 1.1),
        "weight_decay": NUMBER,
        "grad_clip": (0, -1, "1", NAN, INF, True),
        "arch_lr": NUMBER,
        "arch_beta1": (*NUMBER, 1),
        "arch_weight_decay": NUMBER,
        "arch_split": ("both", None),
        "keep_supernet": ("worst", True),
        "precision": ("float8", 32, None),
        "checkpoint": ("yes", 1),
        "method": (1, None),
        "decoder": (True,),
        "stop": (0,),
        "rescale": ((), (0.8,), (1.2, 0.8), (0.4, 1.2), (0.8, 2.1), (0.8, NAN), 0.8, "0.8"),
        "budget": (1.5, True),
        "budget_width": tuple(wrong for wrong in WHOLE if wrong is not None),
        "budget_stem": (0, 1.5),
        "budget_end": ("pool",),
        "budget_repeats": (0, 17),
        "budget_ms": ((NAN,), ("1",), 3.0),
        "budget_rate": NUMBER,
        "seed": WHOLE[1:],
    },
    TrainConfig: {
        "width": WHOLE,
        "stem": WHOLE,
        "repeats": WHOLE,
        "iterations": WHOLE,
        "warmup": WHOLE[1:],
        "end": ("pool",),
        "patch": (10,),
        "sigmas": (("x",), 50),
        "loss": (None,),
        "precision": ("half",),
        "schedule": ("wave", None),
        "biases": ("none", True),
        "upsampling": ("bilinear", None),
        "crops_per_image": WHOLE,
        "val_fraction": (*NUMBER, 0.6),
        "rescale": ((1.2, 0.8), True),
        "value_clip": (0, -1, "1", NAN),
    },
    Loss: {
        "lam": NUMBER,
        "pixel": ("l2", None),
        "reduction": ("max",),
        "average_terms": ("no", 1),
        "padding": ("same", 0),
        "log_of": ("log", None),
    },
}
WRONG_VALUES = [
    pytest.param(cls, name, v, id=f"{cls.__name__}-{name}={v!r}")
    for cls, values in WRONG.items()
    for name, vs in values.items()
    for v in vs
]


@pytest.mark.parametrize("cls", OTHER)
def test_every_field_is_covered_here(cls):
    assert set(OTHER[cls]) == {f.name for f in fields(cls)}


@pytest.mark.parametrize("cls, name, change", CHANGES)
def test_each_field_survives_json_and_changes_the_hash(cls, name, change):
    config = cls(**change)
    assert getattr(config, name) != getattr(cls(), name)
    assert from_dict(cls, json.loads(json.dumps(to_dict(config)))) == config
    assert config != cls()


@pytest.mark.parametrize("cls, name, value", WRONG_VALUES)
def test_a_wrong_value_is_one_line_that_names_the_field(cls, name, value):
    with pytest.raises(ValueError) as caught:
        cls(**{name: value})
    message = str(caught.value)
    assert name.rstrip("s") in message and "\n" not in message


@pytest.mark.parametrize("cls", OTHER)
def test_frozen_and_keyword_only(cls):
    with pytest.raises(FrozenInstanceError):
        setattr(cls(), fields(cls)[0].name, 1)
    with pytest.raises(TypeError):
        cls("sr")


@pytest.mark.parametrize("cls, values, wanted", [
    (SearchSpace, {"depth": 3}, "depth"), (SearchConfig, {"loss": {"lambda": 1}}, "lambda"),
    (TrainConfig, [1], "TrainConfig"),
    (SearchConfig, {"loss": 3}, "Loss"),
])  # fmt: skip
def test_unknown_fields_are_refused_never_ignored(cls, values, wanted):
    with pytest.raises(ValueError, match=wanted):
        from_dict(cls, values)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just(10**400)
)
garbage = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.lists(st.lists(scalars, max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=3), scalars, max_size=2),
)


@pytest.mark.parametrize("cls", OTHER)
@given(data=st.data())
def test_garbage_is_refused_with_a_value_error_or_is_valid_json_again(cls, data):
    name = data.draw(st.sampled_from([f.name for f in fields(cls)]))
    try:
        config = from_dict(cls, to_dict(cls()) | {name: data.draw(garbage)})
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        text = json.dumps(to_dict(config), allow_nan=False)
        assert from_dict(cls, json.loads(text)) == config


# ---- the space
# --------------------------------------------------------------------------------------------------


def test_known_answers_of_the_papers_denoising_space():
    space = SearchSpace()
    assert len(space.edges) == 14 and len(space.moves) == 14
    assert space.alpha_shape == (3, 14, 7) and replace(space, lwas=False).alpha_shape == (14, 7)
    assert space.cells == ((0, 1), (0, 1, 2), (0, 1, 2))
    assert [space.node_channels(i) for i in range(3)] == [10, 15, 20]
    assert [sum(m.layer == l for m in space.moves) for l in range(3)] == [2, 5, 7]


def test_known_answers_of_the_papers_super_resolution_space():
    space = preset("paper", "sr").space
    assert sum(len(cells) for cells in space.cells) == 5 and len(space.edges) == 9


def test_edges_go_forward_only_and_node_by_node():
    assert SearchSpace(nodes=2).edges == ((0, 0), (1, 0), (0, 1), (1, 1), (2, 1))


def test_a_fixed_path_leaves_one_cell_and_one_move_a_layer():
    space = SearchSpace(fixed_path=[1, 1, 2])
    assert space.cells == ((1,), (1,), (2,)) and [tuple(m) for m in space.moves] == [
        (0, 0, 1),
        (1, 1, 1),
        (2, 1, 2),
    ]


# ---- the presets
# --------------------------------------------------------------------------------------------------

ALL = [
    (name, *task) for name in PRESETS for task in (("denoise", 1), ("sr", 2), ("sr", 3), ("sr", 4))
]


@pytest.mark.parametrize("name, task, scale", ALL)
def test_every_preset_is_full_and_is_its_json(name, task, scale):
    p = preset(name, task, scale)
    assert (p.name, p.space.task, p.space.scale) == (name, task, scale)
    for config in (p.space, p.search, p.train):
        assert from_dict(type(config), to_dict(config)) == config


def test_no_two_presets_are_the_same():
    assert len({preset(*which)[1:] for which in ALL}) == len(ALL)


def test_the_paper_departs_from_what_is_printed_in_one_number():
    for task in ("denoise", "sr"):
        for mine, theirs in zip(preset("paper", task)[1:], preset("printed", task)[1:]):
            assert mine == (
                replace(theirs, grad_clip=0.1) if hasattr(theirs, "grad_clip") else theirs
            )


AUTHORS_SR_LOSS = Loss(pixel="l1", average_terms=True, padding="zero", log_of="mean")
STATED = {
    ("paper", "denoise"): (
        {
            "layers": 3,
            "nodes": 4,
            "width": 10,
            "channels": 1,
            "end": "conv",
            "second_input": "layer",
            "beta_norm": "outgoing",
            "sigmoid": False,
        },
        {
            "sigmas": (30.0, 50.0, 70.0),
            "batch": 8,
            "patch": 64,
            "epochs": 100,
            "warmup_epochs": 20,
            "validate_from": 61,
            "val_fraction": 0.02,
            "optimizer": "sgd",
            "lr": 0.025,
            "lr_min": 0.001,
            "momentum": 0.9,
            "weight_decay": 3e-4,
            "schedule": "cosine",
            "arch_lr": 1e-3,
            "arch_weight_decay": 1e-3,
            "loss": Loss(lam=0.6),
        },
        {
            "width": 20,
            "iterations": 400_000,
            "batch": 24,
            "lr": 0.05,
            "momentum": 0.9,
            "optimizer": "sgd",
            "end": "conv",
        },
    ),
    ("paper", "sr"): (
        {"layers": 2, "nodes": 3, "width": 8, "channels": 3, "scale": 4},
        {"batch": 24, "val_fraction": 0.02},
        {"width": 16, "iterations": 600_000, "batch": 24},
    ),
    ("authors", "denoise"): (
        {"end": "authors", "second_input": "mixed", "sigmoid": True, "arch_start": "ones"},
        {
            "batch": 6,
            "loss": Loss(lam=0.5, average_terms=True, padding="zero", log_of="mean"),
            "schedule": "wave",
            "val_images": "last",
            "val_fraction": 0.02,
            "rescale": (0.8, 1.2),
        },
        {
            "end": "authors",
            "iterations": 600_000,
            "schedule": "poly",
            "weight_decay": 4e-5,
            "biases": "double",
            "value_clip": 5.0,
            "grad_clip": 0.1,
            "val_fraction": 0.01,
            "rescale": (0.8, 1.2),
        },
    ),
    ("authors", "sr"): (
        {"upsampling": "bilinear", "end": "authors", "width": 8},
        {"val_fraction": 0.05, "loss": AUTHORS_SR_LOSS, "rescale": None},
        {
            "batch": 16,
            "width": 16,
            "loss": AUTHORS_SR_LOSS,
            "crops_per_image": 4,
            "upsampling": "torch",
            "val_fraction": 0.01,
            "rescale": None,
        },
    ),
}


@pytest.mark.parametrize("which", STATED, ids="-".join)
def test_presets_say_what_the_paper_and_the_authors_code_say(which):
    for config, stated in zip(preset(*which)[1:], STATED[which]):
        assert {name: getattr(config, name) for name in stated} == stated


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        (("huge",), "preset = 'huge'"),
        (("tiny", "blur"), "task = 'blur'"),
        (("tiny", "sr", 5), "scale = 5"),
        (("tiny", "denoise", 2), "scale = 2"),
    ],
)
def test_an_unknown_preset_is_refused(arguments, wanted):
    with pytest.raises(ValueError, match=wanted):
        preset(*arguments)
