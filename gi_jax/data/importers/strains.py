"""Names of strains of the SGA collections: which gene, which kind of allele."""

from __future__ import annotations

import re

from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.mutations import DELETION, Mutation, ReadStrain

NO_GENE = "of a gene that is not in the gene list, or of an ambiguous name"
HO = "YDL227C"  # its deletion stands for the wild type
BORDER = "YOR202W_DMA1"  # his3Δ at the rim of every plate
_STRAIN = re.compile(r"(?P<genes>.+?)(?:_(?P<code>[a-z]+)(?P<number>\d+)?)?", re.IGNORECASE)
_DELETIONS, _CONTROLS = ("dma", "sn"), ("y",)
_ENDS_AS_DELETION = re.compile(r".*(?:Δ|∆|_|delta|_del)", re.IGNORECASE)


def sga_strain(genes: GeneList) -> ReadStrain:
    """Reads strain ids such as `YAL001C_tsq508` with allele names such as `tfc3-g349e`.

    Deletions are `dma` (array) and `sn` (query) strains and genes without a suffix; their two copies are the
    same allele. `tsa` and `tsq` strains go by the name of the allele, `damp` strains are one allele. Double
    mutants (`YAL015C+YDL227C_tm461`, allele `ntg1Δ+hoΔ`) go by the alleles of both. Suppressor strains
    (`S`), controls and the deletion of HO are of no use.
    """

    def read(strain: str, allele: str) -> Mutation:
        found = _STRAIN.fullmatch(strain.strip())
        if found is None:
            return Mutation(dropped="without a strain")
        code = (found["code"] or "").lower()
        own = [part.strip() for part in found["genes"].split("+")]
        alleles = [part.strip() for part in allele.split("+")]
        alleles = alleles if len(alleles) == len(own) else [allele] * len(own)
        if strain.strip().upper() == BORDER:
            return Mutation(dropped="of the border strain of the plates")
        if found["code"] == "S" or "supp" in allele.lower():
            return Mutation(dropped="of suppressor strains, which carry a second mutation")
        if (
            code in _CONTROLS
            or "control" in found["genes"].lower()
            or found["genes"].upper().startswith("WT")
        ):
            return Mutation(dropped="of control strains")
        used = [(name, kind) for name, kind in zip(own, alleles, strict=True) if name.upper() != HO]
        if not used:
            return Mutation(dropped=f"of the ho deletion ({HO}) alone, which stands for the wild type")
        ids, kinds, notes = [], [], []
        for name, kind in used:
            look = genes.look_up(name)
            if look.gene is None:
                return Mutation(dropped=NO_GENE)
            ids.append(look.gene)
            notes.append(look.note if look.how != "systematic name" else "")
            kinds.append(_kind(code, kind))
        if len(set(ids)) < len(ids):
            return Mutation(dropped="of strains that name a gene twice")
        told = next(filter(None, notes), "")
        if all(kind == DELETION for kind in kinds):
            return Mutation(tuple(ids), DELETION, "", told)
        ordered = sorted(zip(ids, kinds, strict=True))
        return Mutation(tuple(ids), "+".join(kind for _, kind in ordered), "", told)

    return read


def _kind(code: str, allele: str) -> str:
    """The allele: `DELETION`, or what tells it from other alleles of the gene."""
    if code in _DELETIONS:
        return DELETION
    if code == "damp" or allele.lower().replace("_", "-").endswith(("-damp", "-ph")):
        return "damp"
    if code.startswith("ts"):
        return allele.lower() or "ts"
    if not code or (code == "tm" and (not allele or _ENDS_AS_DELETION.fullmatch(allele))):
        return DELETION
    return allele.lower() or code
