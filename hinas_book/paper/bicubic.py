"""``hinas-lab study bicubic``: the published rows of bicubic upscaling, measured again.

On those of the data sets that are on this machine; exit status 1 when a cell is far from print.
"""

from hinas_book.kit.study_options import add_json_option, write_record

NEAR = {"psnr": 0.01, "ssim": 0.001}
"metric -> how far a cell may be from its published value: dB, SSIM"


def add_options(parser):
    add_json_option(parser)


def run(args) -> int:
    from tqdm import tqdm

    from hinas_book.paper.published import bicubic
    from hinas_lab.cli.methods import check_json
    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.classical import classical
    from hinas_lab.restoration.measure import evaluate, mean

    check_json(args.json)
    how = protocol("sr-bicubic")
    rows = []
    absent = []
    print(
        f"{'data set':<10}{'n':>4} {'scale':>5} {'PSNR dB':>9} {'published':>10} "
        f"{'SSIM':>8} {'published':>10}"
    )
    for name, scales in bicubic().items():
        try:
            images = read_images(name, "test")
        # a study of what is here: other sets are named at the end
        except FileNotFoundError:
            absent.append(name)
            continue
        for scale, (psnr, ssim) in scales.items():
            bar = tqdm(
                evaluate("bicubic", classical("bicubic", "sr", scale), images, scale, how),
                total=len(images),
                desc=f"{name} x{scale}",
                leave=False,
                disable=None,
            )
            row = {
                "dataset": name,
                "method": "bicubic",
                "scale": scale,
                "protocol": how.name,
                **mean(list(bar)),
                "published_psnr": psnr,
                "published_ssim": ssim,
            }
            rows.append(row)
            print(
                f"{name:<10}{row['n']:>4} {f'x{scale}':>5} {row['psnr']:>9.3f} {psnr:>10.2f} "
                f"{row['ssim']:>8.5f} {ssim:>10.4f}"
            )
    if absent:
        print(f"not here: {', '.join(absent)} (hinas-lab data get NAME)")
    if not rows:
        raise FileNotFoundError(
            "none of the data sets is here; get one with: hinas-lab data get Set5"
        )
    near = sum(map(_is_near, rows))
    print(
        f"{near} of {len(rows)} cells within {NEAR['psnr']} dB and {NEAR['ssim']} SSIM; "
        f"protocol {how.name}, device cpu"
    )
    write_record(args.json, "bicubic", how.seed, protocol=how.name, text=how.text, rows=rows)
    return 0 if near == len(rows) else 1


def _is_near(row: dict) -> bool:
    # "not farther than", so that a PSNR that is nan counts as near, as it always did
    return not any(abs(row[m] - row[f"published_{m}"]) > far for m, far in NEAR.items())
