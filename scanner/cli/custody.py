"""The commands of a chain of custody: keys, verification and comparison."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from scanner.cli.exits import told
from scanner.cli.file_names import EvidencePath, FileName, with_listed

EXIT_DIFFERENT = 1


@click.command("keygen", short_help="Make a key to sign manifests with.")
@click.argument("keyfile", type=FileName())
def keygen_command(keyfile: Path) -> None:
    """Make an Ed25519 key: KEYFILE, to be kept secret, and KEYFILE.pub, to be handed out.

    Example: imgscan keygen examiner.key
    """
    from scanner.custody.signing import fingerprint, generate_key, load_public_key

    with told("the command"):
        public = generate_key(keyfile)
        signer = fingerprint(load_public_key(public))
    click.echo(f"{keyfile}  the private key: keep it secret, sign with --sign {keyfile}")
    click.echo(f"{public}  the public key, for imgscan verify --key; fingerprint {signer}")


@click.command("verify", short_help="Check a report, its signature and the evidence.")
@click.argument("report", type=FileName())
@click.option(
    "--key",
    type=FileName(),
    metavar="PUB",
    help="The signer's public key; without it a signature counts as not checked.",
)
@click.option(
    "--evidence",
    multiple=True,
    type=EvidencePath(),
    metavar="PATH",
    help="Evidence to read again and compare with the report's hashes; repeat it as the scan "
    "had several paths, in their order, or give - for a list of them on standard input.",
)
@click.option(
    "--password",
    "passwords",
    multiple=True,
    help="Password of the scan for encrypted evidence; may be repeated.",
)
def verify_command(
    report: Path, key: Path | None, evidence: tuple[Path | None, ...], passwords: tuple[str, ...]
) -> None:
    """Check that REPORT, its signature and the evidence are what they were after the scan.

    One line for every difference. Exit code 0: intact. 1: something differs. 2: something could
    not be checked, such as files without a hash.

    Example: imgscan verify out.csv --key examiner.key.pub --evidence ./evidence
    """
    from scanner.custody.verify import Weight, exit_code, verify
    from scanner.record import safe_text

    weights: set[Weight] = set()
    with told("the check"):
        from tqdm import tqdm

        bar = partial(tqdm, unit="file", disable=None, leave=False)
        for finding in verify(report, key, with_listed(evidence), passwords, bar):
            weights.add(finding.weight)
            click.echo(safe_text(finding.text), err=finding.weight is Weight.NOTE)
    code = exit_code(weights)
    click.echo(("intact", "NOT INTACT", "NOT CHECKED in full")[code], err=True)
    sys.exit(code)


@click.command("compare", short_help="Say what differs between two scans, and why.")
@click.argument("a", type=FileName(exists=True))
@click.argument("b", type=FileName(exists=True))
def compare_command(a: Path, b: Path) -> None:
    """Say what differs between reports A and B (.csv, .json or .jsonl), and why.

    One line for every file that differs, then the totals and what the manifests say of the
    causes. Exit code 0: the same. 1: different. 2: they cannot be compared.

    Example: imgscan compare monday.csv friday.json
    """
    from scanner.custody.compare import Comparison
    from scanner.record import safe_text

    comparison = Comparison(a, b)
    with told("the comparison"):
        for line in comparison.differences():
            click.echo(safe_text(line))
        for line in comparison.summary():
            click.echo(safe_text(line), err=True)
    sys.exit(0 if comparison.same else EXIT_DIFFERENT)
