"""``hinas-lab study bicubic``: the published rows of bicubic upscaling, measured again on the data sets that are here."""

from pathlib import Path


def add_options(parser):
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")


def run(args) -> int:
    from tqdm import tqdm

    from hinas_book.paper.published import bicubic
    from hinas_lab.cli.methods import check_json
    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.classical import classical
    from hinas_lab.restoration.measure import evaluate, mean
    from hinas_lab.storage import environment, write_json

    check_json(args.json)
    chosen, rows, absent = protocol("sr-bicubic"), [], []
    print(
        f"{'data set':<10}{'n':>4} {'scale':>5} {'PSNR dB':>9} {'published':>10} {'SSIM':>8} {'published':>10}"
    )
    for name, scales in bicubic().items():
        try:
            images = read_images(name, "test")
        except FileNotFoundError:
            absent.append(name)
            continue
        for scale, (psnr, ssim) in scales.items():
            bar = tqdm(
                evaluate("bicubic", classical("bicubic", "sr", scale), images, scale, chosen),
                total=len(images),
                desc=f"{name} x{scale}",
                leave=False,
                disable=None,
            )
            row = {
                "dataset": name,
                "method": "bicubic",
                "scale": scale,
                "protocol": chosen.name,
                **mean(list(bar)),
                "published_psnr": psnr,
                "published_ssim": ssim,
            }
            rows.append(row)
            print(
                f"{name:<10}{row['n']:>4} {f'x{scale}':>5} {row['psnr']:>9.3f} {psnr:>10.2f} {row['ssim']:>8.5f} {ssim:>10.4f}"
            )
    if absent:
        print(f"not here: {', '.join(absent)} (hinas-lab data get NAME)")
    if not rows:
        raise FileNotFoundError(
            "none of the data sets is here; get one with: hinas-lab data get Set5"
        )
    far = [
        r
        for r in rows
        if abs(r["psnr"] - r["published_psnr"]) > 0.01
        or abs(r["ssim"] - r["published_ssim"]) > 0.001
    ]
    print(
        f"{len(rows) - len(far)} of {len(rows)} cells within 0.01 dB and 0.001 SSIM; protocol {chosen.name}, device cpu"
    )
    if args.json:
        write_json(
            args.json,
            {
                "study": "bicubic",
                "protocol": chosen.name,
                "text": chosen.text,
                "rows": rows,
                "env": environment(chosen.seed, "cpu"),
            },
        )
    return 1 if far else 0
