"""The data sets that are known by name: what each is for, its terms, where it lies on the net and
on a disk. No torch, no reading.

A number is only as good as its split: ``train`` is what searches and trainings see, ``test`` is
what is measured and never trained on. A row of SETS is all that a data set takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

TEST = ("camera.png", "chelsea.png", "coffee.png")
TRAIN = (
    "astronaut.png",
    "brick.png",
    "cell.png",
    "clock_motion.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)


@dataclass(frozen=True)
class Archive:
    """A zip or tar on the net, and which of its images become which files."""

    url: str
    bytes: int
    sha256: str
    keep: str
    """a regular expression for the whole name of a member to keep; its first group is the file's
    path below ``folder``"""
    folder: str
    "what it becomes, below the cache"
    images: int
    "how many it holds"

    @property
    def name(self) -> str:
        """Of its file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set: what a user must know of it, and what it takes to recognise it.

    It is looked for below the cache, in a folder of its name or of an alias.
    """

    name: str
    use: str
    "in four words"
    purpose: str
    terms: str
    citation: str
    homepage: str
    tree: str
    "its folder, drawn"
    parts: dict[str, int]
    "part -> number of images"
    train: tuple[str, ...] = ()
    "the parts that are trained on; none: for measuring only"
    test: tuple[str, ...] = ("test",)
    archives: tuple[Archive, ...] = ()
    aliases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = field(default=("{part}/*",), repr=False)
    "where the images of {part} may lie in its folder; the first that finds any counts"
    ids: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, repr=False)
    """part -> stem of an image's file -> the first 12 hex digits of SHA-256 that it may have, ()
    where only the stem is known; empty: what digests.json has, or nothing but the numbers"""
    digest: str = ""
    """what the digests are of: ``file`` (an image's bytes), ``pixels`` (its values, whatever the
    format), or nothing"""
    in_skimage: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    "part -> files among scikit-image's own data: always there, nothing to get"

    @property
    def names(self) -> tuple[str, ...]:
        """Lower case, as it may be called and as its folder may be called."""
        return tuple(name.lower() for name in (self.name, *self.aliases))


# One archive for the four sets that super-resolution is measured on: EDSR's, the customary copy; of
# each, only HR is kept.
_BENCHMARK = Archive(
    "https://cv.snu.ac.kr/research/EDSR/benchmark.tar",
    250_112_000,
    "80c21c333bbf6ceb5308b7243761f8284478274413a97b96f1d63e9045fd93e8",
    r"benchmark/((?:Set5|Set14|B100|Urban100)/HR/[\w-]+\.png)",
    "benchmark",
    219,
)
# EDSR's layout, Set5's own, SelfExSR's, BasicSR's, and bare images. LR images lie in none of them.
_BENCHMARK_PATTERNS = (
    "HR/*",
    "original/*",
    "image_SRF_2/*HR.*",
    "image_SRF_3/*HR.*",
    "image_SRF_4/*HR.*",
    "GTmod12/*",
    "*",
)
_BERKELEY = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision"
_NO_TERMS = "none stated by its authors; customary in research, not ours to pass on"


def _numbered(first: int, last: int) -> dict[str, tuple[str, ...]]:
    """The ids of images 0001.png and so on, whose digests are not known."""
    return {f"{number:04d}": () for number in range(first, last + 1)}


def _benchmark(name: str, images: int, lies: str = "", **more) -> DataSet:
    """A set that super-resolution is measured on; ``lies``: its folder, where not its name."""
    tree = f"benchmark/{lies or name}/HR/\n└── {images} png"
    return DataSet(
        name=name,
        use="SR: measure",
        tree=tree,
        parts={"test": images},
        archives=(_BENCHMARK,),
        patterns=_BENCHMARK_PATTERNS,
        **more,
    )


_ROWS = (
    DataSet(
        name="builtin",
        use="first steps",
        train=("train",),
        parts={"train": len(TRAIN), "test": len(TEST)},
        purpose="photographs inside the scikit-image wheel, always there; the split is fixed: "
        "camera, chelsea and coffee are measured",
        terms="one by one in data/README.md; most are public domain or CC0",
        homepage="https://scikit-image.org",
        citation="van der Walt et al., scikit-image: image processing in Python, "
        "PeerJ 2:e453, 2014",
        tree="(nothing to get: it comes with scikit-image)",
        in_skimage={"train": TRAIN, "test": TEST},
    ),
    DataSet(
        name="BSDS500",
        use="denoising: train, measure",
        train=("train", "val"),
        parts={"train": 200, "val": 100, "test": 200},
        purpose="denoising as in the paper: the authors train on train + val (300) and measure "
        "on test (200). Its val is BSD100, image by image: do not train super-resolution on it "
        "and measure on BSD100",
        terms="free for non-commercial research and education; cite it",
        citation="Arbelaez, Maire, Fowlkes, Malik, Contour Detection and Hierarchical Image "
        "Segmentation, IEEE TPAMI 33(5), 2011",
        homepage=f"{_BERKELEY}/grouping/resources.html",
        tree="BSDS500/\n├── train/  200 jpg, 481 x 321 or 321 x 481\n"
        "├── val/    100\n└── test/   200",
        archives=(
            Archive(
                f"{_BERKELEY}/grouping/BSR/BSR_bsds500.tgz",
                70_763_455,
                "97e49d31764f3912f0c4122707d53062ac9e783ba0f095e447a4d53c1a41af8e",
                r"BSR/BSDS500/data/images/((?:train|val|test)/\d+\.jpg)",
                "BSDS500",
                500,
            ),
        ),
        aliases=("BSD500", "BSR"),
        digest="file",
        patterns=(
            "{part}/*",
            "images/{part}/*",
            "data/images/{part}/*",
            "BSDS500/data/images/{part}/*",
            "BSR/BSDS500/data/images/{part}/*",
        ),
    ),
    DataSet(
        name="DIV2K",
        use="SR: train, measure",
        train=("train",),
        test=("valid",),
        parts={"train": 800, "valid": 100},
        purpose="super-resolution as in the paper: train on the 800, measure on the 100. "
        "LR images are made from HR here, not fetched",
        terms="for academic research only; the copyright of every image stays with its owner",
        citation="Agustsson, Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution: "
        "Dataset and Study, CVPR Workshops 2017",
        homepage="https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        tree="DIV2K/\n├── DIV2K_train_HR/  800 png, 0001 to 0800, 2040 pixels wide or high\n"
        "└── DIV2K_valid_HR/  100 png, 0801 to 0900",
        ids={"train": _numbered(1, 800), "valid": _numbered(801, 900)},
        archives=(
            Archive(
                "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
                3_530_603_713,
                "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
                r"DIV2K_train_HR/(\d{4}\.png)",
                "DIV2K/DIV2K_train_HR",
                800,
            ),
            Archive(
                "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_HR.zip",
                448_993_893,
                "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
                r"DIV2K_valid_HR/(\d{4}\.png)",
                "DIV2K/DIV2K_valid_HR",
                100,
            ),
        ),
        patterns=("DIV2K_{part}_HR/*",),
    ),
    _benchmark(
        "Set5",
        5,
        digest="pixels",
        purpose="super-resolution, measuring only",
        terms=_NO_TERMS,
        citation="Bevilacqua, Roumy, Guillemot, Alberi-Morel, Low-Complexity Single-Image "
        "Super-Resolution Based on Nonnegative Neighbor Embedding, BMVC 2012",
        homepage="http://people.rennes.inria.fr/Aline.Roumy/results/SR_BMVC12.html",
    ),
    _benchmark(
        "Set14",
        14,
        purpose="super-resolution, measuring only; one image (bridge) is gray",
        terms=_NO_TERMS,
        citation="Zeyde, Elad, Protter, On Single Image Scale-Up Using "
        "Sparse-Representations, Curves and Surfaces 2010, LNCS 6920",
        homepage="https://sites.google.com/site/romanzeyde/research-interests",
    ),
    _benchmark(
        "BSD100",
        100,
        "B100",
        aliases=("B100", "BSDS100"),
        digest="pixels",
        purpose="super-resolution, measuring only. It is BSDS500/val, image by image: "
        "never train on that when this is measured",
        terms="free for non-commercial research and education; cite it",
        citation="Martin, Fowlkes, Tal, Malik, A Database of Human Segmented Natural Images "
        "and its Application to Evaluating Segmentation Algorithms and Measuring Ecological "
        "Statistics, ICCV 2001",
        homepage=f"{_BERKELEY}/bsds/",
    ),
    _benchmark(
        "Urban100",
        100,
        purpose="super-resolution, measuring only; buildings",
        terms="photographs from Flickr under Creative Commons licences, says the paper; "
        "no licence for the whole",
        citation="Huang, Singh, Ahuja, Single Image Super-Resolution from Transformed "
        "Self-Exemplars, CVPR 2015",
        homepage="https://github.com/jbhuang0604/SelfExSR",
    ),
)
SETS = {row.name: row for row in _ROWS}
"name -> data set; ``add_data_set`` adds a row, ``del`` takes it away again"


def add_data_set(row: DataSet):
    """Know a data set from now on: ``--data`` and ``--dataset``, ``data list``, ``data verify``.

    ValueError when another one has its name or an alias of it, in any case.
    """
    for name in row.names:
        if data_set(name):
            raise ValueError(f"data set {name!r}: is there already")
    SETS[row.name] = row


def data_set(name: str) -> DataSet | None:
    """The data set called ``name``, in any case, by any of its names; None if there is none."""
    return next((row for row in SETS.values() if name.lower() in row.names), None)
