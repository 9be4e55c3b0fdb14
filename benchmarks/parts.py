"""A large file cut into parts that can travel, and joined again only when every byte is there.

python -m benchmarks.parts cut runs/resnet152-robust/model.pt there --mib 55
python -m benchmarks.parts join there elsewhere --output model.pt
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.gpu.parts import MANIFEST, cut, join
from trainer.command import Command


@click.group()
def main() -> None:
    """Cut a file into parts with their hashes, and join them."""


@main.command("cut", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--mib", default=15, show_default=True, help="Size of a part.")
def cut_command(file: Path, folder: Path, mib: int) -> None:
    """Write FILE to FOLDER in parts, and what says how they belong together."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in cut(file, file.name, folder, mib * 2**20):
        click.echo(path)


@main.command("join", cls=Command)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="File to write.")
def join_command(folders: tuple[Path, ...], output: Path) -> None:
    """Write the file whose parts lie in FOLDERS."""
    manifests = [file for folder in folders for file in folder.glob(f"*{MANIFEST}")]
    if len(manifests) != 1:
        raise click.ClickException(
            f"{len(manifests)} files *{MANIFEST} lie in these folders; name those of one file."
        )
    join(manifests[0], list(folders), output)
    click.echo(f"{output}: joined")


if __name__ == "__main__":
    main()
