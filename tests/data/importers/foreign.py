"""Foreign files as tests write them."""

from __future__ import annotations

import zipfile
from pathlib import Path

SGA = (
    "Query Strain ID\tQuery allele name\tArray Strain ID\tArray allele name\tArraytype/Temp\t"
    "Genetic interaction score (ε)\tP-value\tQuery single mutant fitness (SMF)\tArray SMF\t"
    "Double mutant fitness\tDouble mutant fitness standard deviation"
)
KUZMIN = (
    "Query strain ID\tQuery allele name\tArray strain ID\tArray allele name\tCombined mutant type\t"
    "Raw genetic interaction score (epsilon)\tAdjusted genetic interaction score (epsilon or tau)\tP-value\t"
    "Query single/double mutant fitness\tArray single mutant fitness\tDouble/triple mutant fitness\t"
    "Double/triple mutant fitness standard deviation"
)
BIOGRID = (
    "#BioGRID Interaction ID\tEntrez Gene Interactor A\tEntrez Gene Interactor B\tBioGRID ID Interactor A\t"
    "BioGRID ID Interactor B\tSystematic Name Interactor A\tSystematic Name Interactor B\t"
    "Official Symbol Interactor A\tOfficial Symbol Interactor B\tSynonyms Interactor A\tSynonyms "
    "Interactor B\t"
    "Experimental System\tExperimental System Type\tAuthor\tPublication Source\tOrganism ID Interactor A\t"
    "Organism ID Interactor B\tThroughput\tScore"
)
TFLINK = (
    "UniprotID.TF\tUniprotID.Target\tNCBI.GeneID.TF\tNCBI.GeneID.Target\tName.TF\tName.Target\t"
    "Detection.method\tPubmedID\tOrganism\tSource.database\tSmall-scale.evidence"
)


def lines(*rows: str) -> str:
    return "".join(f"{row}\n" for row in rows)


def sga_row(query: str, allele: str, array: str, array_allele: str, score: object, p: object = "0.01") -> str:
    return "\t".join(
        [query, allele, array, array_allele, "DMA30", str(score), str(p), "0.9", "", "0.8", "0.01"]
    )


def kuzmin_row(
    query: str, allele: str, array: str, array_allele: str, kind: str, raw: object, score: object
) -> str:
    return "\t".join(
        [query, allele, array, array_allele, kind, str(raw), str(score), "4.50E-02", "", "1", "1", "0"]
    )


def biogrid_row(
    a: str, b: str, system: str, kind: str, source: str, score: str, symbols: str = "-\t-"
) -> str:
    left = ["1", "-", "-", "-", "-", a, b, symbols, "-", "-", system, kind, "Author (2020)", source]
    return "\t".join([*left, "559292", "559292", "High Throughput|Low Throughput", score])


def write_xlsx(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    """A workbook as small as one can be."""
    names = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="rId{k}"/>' for k, name in enumerate(sheets, 1))
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    links = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = "".join(
        f'<Relationship Id="rId{k}" Type="{office}/worksheet" Target="worksheets/sheet{k}.xml"/>'
        for k in range(1, len(sheets) + 1)
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="{kind}.worksheet+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships {links}><Relationship Id="rId1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook {space} xmlns:r="{office}"><sheets>{names}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {links}>{parts}</Relationships>")
        for k, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{k}.xml", f"<worksheet {space}>{_sheet(rows)}</worksheet>")


def _sheet(rows: list[list[object]]) -> str:
    cells = []
    for number, row in enumerate(rows, 1):
        held = "".join(_cell(f"{chr(65 + k)}{number}", value) for k, value in enumerate(row) if value != "")
        cells.append(f'<row r="{number}">{held}</row>')
    return f"<sheetData>{''.join(cells)}</sheetData>"


def _cell(place: str, value: object) -> str:
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    text = str(value).replace("&", "&amp;").replace("<", "&lt;")
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
