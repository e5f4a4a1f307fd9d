"""What a database says of genes: GAF annotation as sets of genes, SGD's table of features as a gene list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_names import SEPARATOR, GeneNames, GeneRecord
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions
from gi_jax.data.load_report import LeftOut, SourceReport, examples
from gi_jax.errors import GiJaxError

_IDENTIFIER, _SYMBOL, _QUALIFIER, _TERM, _EVIDENCE, _SYNONYMS = 1, 2, 3, 4, 6, 10
GENETIC = "IGI"
FEATURE_TYPES = ("ORF", "blocked_reading_frame", "pseudogene", "transposable_element_gene")


def recognises_gaf(head: Head) -> bool:
    """Whether a file is GAF."""
    if head.lines[0].lower().startswith("!gaf-version"):
        return True
    line = next((k for k, line in enumerate(head.lines) if not line.startswith("!")), 0)
    fields = head.fields(line)
    return len(fields) in (15, 16, 17) and fields[_TERM].startswith("go:")


def read_gaf(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads annotation: a gene is in the set of every term that it is annotated with.

    Annotation that says NOT is dropped, and so is what was inferred from genetic interactions (IGI), which
    would give their answers away. Terms are as they stand, not propagated to wider ones.

    Raises:
      GiJaxError: a file of another layout, a line with too few fields, or no annotated gene of the list.
    """
    known, dropped, unknown = options.genes, Counter(), []
    by_id = {} if known.known is None else known.known.by_identifier
    sets, read = {}, 0
    for path in files:
        for number, line in enumerate(read_lines(path), 1):
            if line.startswith("!") or not line.strip():
                continue
            fields = line.split("\t")
            if len(fields) not in (15, 16, 17) or not fields[_TERM].startswith("GO:"):
                raise GiJaxError(
                    f"{path}, line {number}: found {len(fields)} fields, expected the 17 of GAF (or 15) with "
                    "a GO term in the fifth; correct this line"
                )
            read += 1
            if "NOT" in fields[_QUALIFIER].split("|"):
                dropped["that say NOT"] += 1
            elif fields[_EVIDENCE] == GENETIC:
                dropped["inferred from genetic interactions (IGI)"] += 1
            elif (gene := _annotated(known, by_id, fields)) is None:
                dropped["of genes that are not in the gene list"] += 1
                unknown.append(fields[_SYMBOL])
            else:
                sets[gene, fields[_TERM]] = None
    source = ", ".join(path.name for path in files)
    if not sets:
        raise GiJaxError(
            f"{source}: annotates no gene of the list; check that the gene list is that of the organism"
        )
    shown = {"of genes that are not in the gene list": examples(unknown)}
    left = [LeftOut(count, why, shown.get(why, ())) for why, count in dropped.items()]
    if repeats := read - sum(dropped.values()) - len(sets):
        left.append(LeftOut(repeats, "merged with the same gene and term"))
    report = SourceReport(source, "annotations", read, len(sets), tuple(left))
    hint = "to train with it: data.features.go.path=FOLDER/gene_sets.tsv cell_dataset.features=[go]"
    return Imported((report,), gene_sets=tuple(sets), hints=(hint,))


def _annotated(genes: GeneList, by_id: dict[str, GeneRecord], fields: list[str]) -> int | None:
    """By the systematic name among the synonyms, then by identifier, then by symbol."""
    synonym = fields[_SYNONYMS].split("|")[0].strip()
    if synonym and genes.look_up(synonym).how == "systematic name":
        return genes.look_up(synonym).gene
    record = by_id.get(fields[_IDENTIFIER].strip().upper())
    if record is not None:
        return genes.find(record.systematic)
    found = genes.find(fields[_SYMBOL])
    return genes.find(synonym) if found is None and synonym else found


def recognises_sgd(head: Head) -> bool:
    """Whether a file is SGD_features.tab."""
    fields = head.fields()
    return len(fields) == 16 and fields[0].startswith("s0") and fields[0][1:].isdigit()


def read_sgd(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads SGD_features.tab into a gene list with standard names and aliases.

    16 columns without header, read without quotation marks (an alias is `B"`). Genes are features that are
    open reading frames, pseudogenes, blocked reading frames or genes of transposons. Aliases with blanks
    describe the protein and are dropped.

    Raises:
      GiJaxError: a file of another layout, a gene that stands twice, or no gene.
    """
    records, dropped, described, read = {}, Counter(), 0, 0
    for path in files:
        for number, line in enumerate(read_lines(path), 1):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("\t")]
            if len(fields) != 16:
                found = f"{path}, line {number}: found {len(fields)} fields"
                raise GiJaxError(f"{found}, expected the 16 of SGD_features.tab; correct this line")
            read += 1
            identifier, kind, status, systematic, standard, aliases = fields[:6]
            if kind not in FEATURE_TYPES or not systematic:
                dropped[f"of the type {kind}" if systematic else "without a systematic name"] += 1
                continue
            if systematic in records:
                raise GiJaxError(
                    f"{path}, line {number}: the gene {systematic} stands twice; keep one of them"
                )
            names = [alias.strip() for alias in aliases.split(SEPARATOR) if alias.strip()]
            described += sum(" " in name for name in names)
            kept = tuple(name for name in names if " " not in name)
            records[systematic] = GeneRecord(systematic, standard, status, kept, identifier, fields[15])
    source = ", ".join(path.name for path in files)
    if not records:
        raise GiJaxError(f"{source}: has no gene; expected SGD_features.tab")
    left = tuple(LeftOut(count, why) for why, count in dropped.most_common())
    notes = (
        (f"{described:,} aliases with blanks, descriptions of proteins, were left out",) if described else ()
    )
    ids = tuple(records)
    genes = GeneList(ids, known=GeneNames(tuple(records.values())))
    report = SourceReport(source, "genes", read, len(ids), left, notes)
    return Imported((report,), gene_list=genes, hints=("to train with it: data.genes=FOLDER/genes.txt",))


GAF = Importer("gene annotation (GAF) as sets of genes", recognises_gaf, read_gaf)
SGD = Importer("SGD_features.tab as a gene list with names", recognises_sgd, read_sgd)
