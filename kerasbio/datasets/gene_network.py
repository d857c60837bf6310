"""A network of interacting genes with their expression, simulated, with the causes known."""

import numpy as np

from kerasbio.datasets.cases import Case

CLASSES = (
    "cell cycle",
    "immune response",
    "lipid metabolism",
    "oxidative phosphorylation",
    "translation",
)
#: Mean number of interactions of a gene, before the rare double ones merge. Choice, between the
#: 4 of the human map of Rual et al. 2005 and the 13 of that of Luck et al. 2020.
MEAN_DEGREE = 6.5
#: Exponent of the power law of the degrees: between 2 and 3 in biological networks (Barabási and
#: Oltvai 2004).
DEGREE_EXPONENT = 2.7
#: Largest over smallest propensity to interact, which bounds the hubs. Choice.
DEGREE_RANGE = 30.0
#: Share of the interactions that depends on the pathway at difficulty 1; all others join genes
#: regardless of it. Choice, as neither network nor expression alone should tell the pathway.
ASSORTATIVITY = 0.46
#: Share of transcription factors among the genes; about 8 % in man (Lambert et al. 2018).
REGULATORS = 0.1
#: Number of conditions in which expression is measured. Choice.
CONDITIONS = 12
#: Standard deviations of the log activity over the conditions: of the programme that the
#: regulators of a pathway share, and of each regulator's own departure from it. Choices.
PROGRAMME, DEPARTURE = 0.6, 0.3
#: Rate of decay, Hill coefficient, and range of the largest production of a gene, in units of
#: expression per unit of time (SERGIO, Dibaeinia and Sinha 2020).
DECAY, HILL, STRENGTH = 0.8, 2.0, (1.0, 5.0)
#: Range of the production without any regulator, over the largest. Choice.
LEAK = (0.05, 0.3)
#: Range of the production that a regulator of another pathway adds, over the largest. Choice.
CROSS_TALK = (0.0, 0.6)
#: Molecules that are counted per unit of expression at difficulty 1. Choice.
DEPTH = 0.7
#: Standard deviation of the log library size over the conditions. Choice, near SERGIO's.
LIBRARY = 0.4
#: Slope of the logistic dropout in the log of the mean count, and the mean count at which half
#: of the values drop out. Choices; the form is SERGIO's.
DROPOUT_SLOPE, DROPOUT_MIDDLE = 1.5, 0.5
#: Least and largest difficulty.
DIFFICULTIES = (0.01, 100.0)


class GeneNetwork:
    """Genes that interact and are expressed together: to which pathway does each belong?

    Interactions follow a degree-corrected stochastic block model (Karrer and Newman 2011): the
    number between two genes is Poisson, its mean the product of their propensities, which are
    heavy-tailed, and of the rate between their pathways. Expression is the steady state of
    SERGIO (Dibaeinia and Sinha 2020) without its molecular noise: a gene is produced by a Hill
    function of one regulator of its pathway, half response at that regulator's mean, and of one
    of another pathway, and decays. A transcription factor is produced at a log-normal rate. What
    is measured are counts: library sizes are log-normal, counts Poisson, and values drop out
    with a logistic probability. Simulated: nothing about a real gene is implied.

    Attributes:
        classes: Names of the pathways.
        labels: `(genes,)` int64, the pathway of each gene; pathways are of one size.
        subjects: `(genes,)` names of the genes.
        features: `(genes, conditions)` float32, log of 1 plus the counts.
        feature_names: Names of the conditions.
        edges: `(edges, 2)` int64, undirected interactions `i < j`, each once, sorted.
        weights: `(edges,)` float32, all one.
        cause: `(genes, pathways + conditions)` float32: the number of its neighbours that truly
            are of each pathway, and the log of its noise-free expression in each condition.
        cause_names: Names of the columns of `cause`.
        propensities: `(genes,)` share of the ends of interactions of its pathway.
        mixing: Expected share of interactions between pathways.
        is_regulator: `(genes,)` bool, whether it is a transcription factor.
        regulators: `(genes, 2)` int64, the regulator of its own pathway and that of another.
        production: `(genes, 3)` largest production by the one, by the other, and the leak, in
            units of expression per unit of time; of no use for transcription factors.
        expression: `(genes, conditions)` noise-free expression.
        notes: What the user should know; empty.

    Args:
        num_genes: Number of genes.
        difficulty: Power of the assortativity 0.46, and divisor of the depth of counting: higher
            mixes the pathways and leaves fewer molecules. From 0.01 to 100.
        seed: Seed of everything.

    Raises:
        ValueError: If an argument is out of its range.
    """

    input_names = ("features",)
    classes = CLASSES
    feature_names = tuple(f"condition {k + 1}" for k in range(CONDITIONS))
    cause_names = (
        *(f"neighbours in {name}" for name in CLASSES),
        *(f"log expression in {name}" for name in feature_names),
    )

    def __init__(self, num_genes: int = 2000, *, difficulty: float = 1.0, seed: int = 0):
        low, high = DIFFICULTIES
        if num_genes < 100 or not low <= difficulty <= high:
            raise ValueError(
                f"num_genes must be at least 100 and difficulty from {low} to {high}. Received: "
                f"num_genes={num_genes}, difficulty={difficulty}"
            )
        self.difficulty, self.seed = difficulty, seed
        chance = 1 - 1 / len(CLASSES)
        self.mixing = chance * (1 - ASSORTATIVITY**difficulty)
        random = [np.random.default_rng((seed, k)) for k in range(4)]
        self.labels = random[0].permutation(np.arange(num_genes) % len(CLASSES))
        self.subjects = np.array([f"GENE{k + 1:05d}" for k in range(num_genes)])
        self.propensities = self._draw_propensities(random[1])
        self.edges = self._draw_edges(random[1])
        self.weights = np.ones(len(self.edges), np.float32)
        self._draw_regulation(random[2])
        self.expression = self._express(random[2])
        self.features = self.measure(random[3])
        neighbours = np.zeros((num_genes, len(CLASSES)))
        for one, other in (self.edges.T, self.edges.T[::-1]):
            np.add.at(neighbours, (one, self.labels[other]), 1)
        self.cause = np.hstack([neighbours, np.log(self.expression)]).astype(np.float32)
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        return {
            "features": self.features[index],
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
            "cause": self.cause[index],
        }

    def measure(self, random: np.random.Generator) -> np.ndarray:
        """Return a measurement of all genes: `(genes, conditions)` float32, log of 1 plus counts.

        Args:
            random: Source of library sizes, counts and dropouts.
        """
        # The mean of the library sizes is 1: the depth alone says how much is counted.
        sizes = np.exp(random.normal(-(LIBRARY**2) / 2, LIBRARY, CONDITIONS))
        means = DEPTH / self.difficulty * sizes * self.expression
        kept = random.random(means.shape) >= dropout_probability(means)
        return np.log1p(random.poisson(means) * kept).astype(np.float32)

    def _draw_propensities(self, random: np.random.Generator) -> np.ndarray:
        """Return draws of a bounded power law, their sum one in each pathway."""
        power = 1 - DEGREE_EXPONENT
        uniform = random.random(len(self.labels))
        drawn = (1 - uniform * (1 - DEGREE_RANGE**power)) ** (1 / power)
        return drawn / np.bincount(self.labels, drawn)[self.labels]

    def _draw_edges(self, random: np.random.Generator) -> np.ndarray:
        """Return the interactions; what meets itself is dropped and what meets twice merges."""
        count, pathways = len(self.labels), len(CLASSES)
        total = random.poisson(MEAN_DEGREE * count / 2)
        one = random.integers(pathways, size=total)
        step = random.integers(1, pathways, size=total)
        other = (one + step * (random.random(total) < self.mixing)) % pathways
        ends = np.zeros((total, 2), np.int64)
        for end, pathway in enumerate((one, other)):
            for label in range(pathways):
                members, where = np.flatnonzero(self.labels == label), pathway == label
                share = self.propensities[members]
                ends[where, end] = random.choice(members, where.sum(), p=share / share.sum())
        ends.sort(axis=1)
        return np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)

    def _draw_regulation(self, random: np.random.Generator) -> None:
        """Choose the transcription factors, and for each gene its regulators and production."""
        count, pathways = len(self.labels), len(CLASSES)
        others = (self.labels + random.integers(1, pathways, size=count)) % pathways
        self.is_regulator = np.zeros(count, bool)
        self.regulators = np.zeros((count, 2), np.int64)
        for label in range(pathways):
            members = np.flatnonzero(self.labels == label)
            chosen = random.choice(members, round(REGULATORS * len(members)), replace=False)
            self.is_regulator[chosen] = True
            for column, pathway in enumerate((self.labels, others)):
                where = pathway == label
                self.regulators[where, column] = random.choice(chosen, where.sum())
        largest = random.uniform(*STRENGTH, size=count)
        shares = [np.ones(count), *(random.uniform(*r, size=count) for r in (CROSS_TALK, LEAK))]
        self.production = largest[:, None] * np.stack(shares, 1)

    def _express(self, random: np.random.Generator) -> np.ndarray:
        """Return the noise-free expression `(genes, conditions)`."""
        # Programmes have no mean and no correlation, or a seed could be easy by chance.
        drawn = random.normal(size=(CONDITIONS, len(CLASSES)))
        axes, _ = np.linalg.qr(drawn - drawn.mean(0))
        programmes = PROGRAMME * np.sqrt(CONDITIONS) * axes.T
        departures = DEPARTURE * random.normal(size=(len(self.labels), CONDITIONS))
        rates = np.mean(STRENGTH) / 2 * np.exp(programmes[self.labels] + departures)
        levels = rates[self.regulators] / DECAY
        return np.where(
            self.is_regulator[:, None], rates / DECAY, steady_state(self.production, levels)
        )


def steady_state(production: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the expression at which production and decay balance.

    Args:
        production: `(genes, 3)`: largest production by the first and by the second regulator,
            and without any, in units of expression per unit of time.
        levels: `(genes, 2, conditions)` expression of the two regulators.

    Returns:
        `(genes, conditions)` expression: the sum of leak and Hill functions over the decay.
    """
    half = levels.mean(axis=-1, keepdims=True) ** HILL
    response = levels**HILL / (half + levels**HILL)
    total = production[:, 2:] + np.einsum("gr,grc->gc", production[:, :2], response)
    return total / DECAY


def dropout_probability(means: np.ndarray) -> np.ndarray:
    """Return the probability that a count of such a mean is lost, logistic in its logarithm."""
    return 1 / (1 + (means / DROPOUT_MIDDLE) ** DROPOUT_SLOPE)
