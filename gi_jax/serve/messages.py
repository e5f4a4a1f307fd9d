"""What requests and answers look like: the schemas that the OpenAPI page shows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gi_jax.serve.worker import MOST_GENES

Name = Annotated[str, Field(min_length=1, max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=80 * MOST_GENES)]


class Asked(BaseModel):
    """Genotypes to predict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    genotypes: list[Text | Annotated[list[Name], Field(min_length=1, max_length=MOST_GENES)]] = Field(
        min_length=1,
        description="Deleted genes of each, as one text or as a list of names.",
        examples=[["YDR334W,YMR263W", ["BIM1", "BUB3"]]],
    )
    study: Name | None = Field(None, description="On whose scale, for a model with one scale per study.")


class Predicted(BaseModel):
    """The prediction for one genotype, in the units of the training scores."""

    genes: list[str] = Field(description="Systematic names.")
    names: list[str] = Field(description="What people call the genes.")
    prediction: float
    prediction_std: float | None = Field(None, description="Standard deviation, where the model has one.")
    low: float | None = Field(None, description="Lower end of the interval, see /model.")
    high: float | None = Field(None, description="Upper end of the interval.")


class Predictions(BaseModel):
    """One prediction for each genotype, in the order in which they were asked for."""

    predictions: list[Predicted]


class Gene(BaseModel):
    """A gene that the model knows."""

    gene: str = Field(description="Systematic name.")
    name: str = Field(description="What people call it.")
    aliases: list[str]
    description: str


class Genes(BaseModel):
    """Genes found by a name or by words; those whose name begins with it come first."""

    genes: list[Gene]
    found: int = Field(description="How many there are in all.")


class Measurement(BaseModel):
    """A measured score."""

    study: str
    score: float


class Partner(BaseModel):
    """A gene beside another one."""

    gene: str
    name: str
    prediction: float
    measured: float | None = Field(None, description="Mean of the measured scores of this pair.")


class Profile(BaseModel):
    """The predicted scores of one gene with every other gene of the model."""

    gene: str
    name: str
    description: str
    partners: int
    mean: float
    lowest: list[Partner]
    highest: list[Partner]
    edges: list[float] = Field(description="Of the bins of a histogram.")
    counts: list[int] = Field(description="Predictions in each bin.")


class AboutGenotype(BaseModel):
    """What is known of one genotype beside its prediction."""

    predicted: Predicted
    measured: list[Measurement]


class Term(BaseModel):
    """A summand of a prediction."""

    kind: str
    name: str
    genes: list[str]
    names: list[str]
    value: float
    measured: float | None = None


class Sum(BaseModel):
    """Terms that add up to the prediction."""

    name: str
    equation: str
    terms: list[Term]


class Removal(BaseModel):
    """What the prediction loses without something, predicted again."""

    kind: str = Field(description="network, edge, directed edge, neighbour or features.")
    network: str
    genes: list[str]
    names: list[str]
    change: float


class Similar(BaseModel):
    """A gene that the model takes for like a deleted one."""

    gene: str
    name: str
    other: str
    other_name: str
    similarity: float
    shares: dict[str, float] = Field(description="Of the similarity, by network and table.")


class Explanation(BaseModel):
    """What carries a prediction; what a kind of model does not have is empty."""

    genes: list[str]
    names: list[str]
    prediction: float
    prediction_std: float | None
    sums: list[Sum]
    removals: list[Removal]
    similar: list[Similar]
    notes: list[str]


class Interval(BaseModel):
    """How far `low` and `high` reach: `factor` standard deviations to either side."""

    level: float = Field(description="Share of measurements that intervals hold.")
    factor: float
    genotypes: int = Field(description="Validation genotypes that the factor was chosen by.")


class Limits(BaseModel):
    """What one request may ask for."""

    bytes: int
    genotypes: int
    genes_of_a_genotype: int


class About(BaseModel):
    """What the model is, and how far it is to be trusted."""

    kind: str
    version: str
    genes: int
    networks: list[str]
    features: list[str]
    studies: list[str] = Field(description="That a request may name; none if there is one scale.")
    members: int
    parameters: dict[str, int]
    labels: str
    interval: Interval | None
    metrics: list[dict[str, Any]] = Field(description="Of the run's test genotypes, beside the baselines.")
    notes: list[str]
    measured: int = Field(description="Measured genotypes of the run's data that this server knows.")
    card: str
    limits: Limits


class Health(BaseModel):
    """Whether the model answers."""

    status: str
    waiting: int = Field(description="Genotypes that wait for the model.")


class Failure(BaseModel):
    """Why there is no answer, in one sentence."""

    error: str
