"""``hinas-lab evaluate``: PSNR and SSIM of a run or a classical method on a data set, under a named protocol."""

from dataclasses import asdict
from pathlib import Path


def add(commands):
    parser = commands.add_parser("evaluate", help="measure a run, or tv, wavelet, nl_means, on a data set")
    parser.add_argument("--method", required=True, metavar="NAME|RUN", help="folder of a training run, or tv, wavelet, nl_means")
    parser.add_argument("--dataset", default="builtin", metavar="NAME|DIR", help="builtin (camera, chelsea, coffee) or a folder of images")
    parser.add_argument("--sigma", type=float, default=50.0, help="noise level on the 0-255 scale (default: 50)")
    parser.add_argument("--protocol", default="whole", help="how it is measured (default: whole)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and images as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from tqdm import tqdm

    from hinas_lab.engine.evaluate import evaluate, mean
    from hinas_lab.images.catalog import load_images
    from hinas_lab.images.protocol import protocol

    if not 0 <= args.sigma <= 255:
        raise ValueError(f"sigma = {args.sigma}: must be from 0 to 255")
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"limit = {args.limit}: must be at least 1")
    if args.json and not args.json.resolve().parent.is_dir():
        raise ValueError(f"--json {args.json}: its folder does not exist")
    if args.json and args.json.is_dir():
        raise ValueError(f"--json {args.json}: is a folder; name a file")
    chosen = protocol(args.protocol)
    restore, channels = _method(args.method, args.sigma)
    images = dict(list(load_images(args.dataset, channels, "test").items())[: args.limit])
    rows = []
    for row in tqdm(evaluate(args.method, restore, images, args.sigma, chosen), total=len(images), desc="evaluate", disable=None):
        rows.append(row)
    width = max(len(name) for name in images)
    for row in rows:
        print(f"{row.image:<{width}}  {row.psnr:6.2f} dB  {row.ssim:.4f}  {row.seconds:7.2f} s")
    total = {"dataset": args.dataset, "method": args.method, "sigma": args.sigma, "protocol": chosen.name, **mean(rows)}
    print(f"{'mean':<{width}}  {total['psnr']:6.2f} dB  {total['ssim']:.4f}  {total['seconds']:7.2f} s  "
          f"(n = {total['n']}, standard error {total['psnr_se']:.2f} dB)".replace("nan dB", "unknown"))
    print(f"protocol {chosen.name}: {chosen.text}; sigma {args.sigma:g}, noise seed {chosen.seed}")
    if args.json:
        from hinas_lab.engine.runs import write_json

        write_json(args.json, {"rows": [total], "images": [{k: v for k, v in asdict(r).items() if k != "restored"} for r in rows]})
    return 0


def _method(name: str, sigma: float):
    """(restore function, channels) of a run folder or a classical method."""
    from hinas_lab.engine.baselines import METHODS, tuned

    if name in METHODS or not Path(name).exists():
        return tuned(name, sigma), 1
    from hinas_lab.engine.restore import restore_array
    from hinas_lab.engine.runs import load_network

    net, info = load_network(name)
    if info["task"] != "denoise":
        raise ValueError(f"{name}: is a super-resolution run; evaluate measures denoising so far")
    return lambda noisy: restore_array(net, noisy), info["channels"]
