"""`imgscan engines`: what the cache of TensorRT engines holds, and how to empty it."""

from __future__ import annotations

import click


@click.command("engines", short_help="List the cached TensorRT engines, or delete them.")
@click.option("--prune", "delete", is_flag=True, help="Delete them; scans build them again.")
def engines_command(delete: bool) -> None:
    """List the TensorRT engines that scans have built and kept, or delete them.

    Example: imgscan engines --prune
    """
    from scanner.engines import cache_folder, cached_engines, prune

    folder = cache_folder()
    engines = prune(folder) if delete else cached_engines(folder)
    for engine in engines:
        card = engine.card
        if card is None:
            click.echo("  its card cannot be read; no scan will use it")
            continue
        capabilities = ", ".join(card.compute_capabilities)
        batch = card.batch
        click.echo(f"  model     {card.model.backbone} {card.model_sha256[:12]}, {card.precision}")
        click.echo(f"  built by  {card.flavor} {card.version}")
        click.echo(f"  runs on   {card.gpu} ({capabilities}), driver {card.driver}")
        click.echo(f"  batches   {batch.minimum} to {batch.maximum}, best at {batch.optimum}")
    size = sum(engine.bytes for engine in engines) / 1e6
    verb = "deleted from" if delete else "in"
    noun = "engine" if len(engines) == 1 else "engines"
    click.echo(f"{len(engines)} {noun}, {size:.1f} MB, {verb} {folder}")
