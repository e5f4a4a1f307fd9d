"""`gi-jax models`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gi_jax.errors import GiJaxError


def models(
    name: Annotated[str | None, typer.Argument(help="A bundled model.", metavar="NAME", parser=str)] = None,
) -> None:
    """List the models that come with the package, or show the card of one.

    `predict`, `screen`, `evaluate`, `package` and the other commands take such a name in place of a folder.
    """
    from gi_jax.data.bundled import bundled_models, model_card

    if name is not None and name not in bundled_models():
        raise GiJaxError(f"`{name}` is no bundled model; expected one of {', '.join(bundled_models())}")
    cards = {known: model_card(known) for known in ((name,) if name else bundled_models())}
    if name is not None:
        sys.stdout.write(cards[name])
    else:
        lines = (f"{known}\t{card.splitlines()[0].removeprefix('# ')}" for known, card in cards.items())
        sys.stdout.write("\n".join(("name\tmodel", *lines)) + "\n")
    sys.stdout.flush()
