"""All formats that can be imported, by name, in the order in which `auto` tries them."""

from __future__ import annotations

from gi_jax.data.importers import annotation, biogrid, edges, emap, kuzmin, regulation, sga, string_db
from gi_jax.data.importers.importer import Importer

KINDS: dict[str, Importer] = {
    "sga": sga.IMPORTER,
    "kuzmin": kuzmin.IMPORTER,
    "biogrid": biogrid.IMPORTER,
    "string": string_db.IMPORTER,
    "tflink": regulation.TFLINK,
    "gaf": annotation.GAF,
    "sgd": annotation.SGD,
    "yeastract": regulation.YEASTRACT,
    "emap": emap.IMPORTER,
    "edges": edges.IMPORTER,
}
