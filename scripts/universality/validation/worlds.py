"""Pretended models with a known truth: concepts, what two models hold of them, and their SAEs.

A world has concepts. Each is a direction in a latent space and something that happens on some
tokens of a text with some strength. A model holds some of the concepts; its residual space is the
latent space, turned at random and put into d dimensions. An SAE of the model has one feature for
each concept held: what it sees of the strengths (noise added, the k largest of a token kept), and
a decoder row, the concept's direction in the model plus noise. Features come in random order. So
two SAEs share exactly the concepts that both models hold, and nothing is trained.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse


@dataclass(frozen=True)
class World:
    """What is put in. The defaults are the base from which the experiments vary one thing."""

    shared: float = 0.5
    """Share of the features of the narrower dictionary that have a counterpart in the other."""
    width_a: int = 100
    width_b: int = 100
    d_a: int = 32
    d_b: int = 24
    latent: int = 24
    """Dimensions of the space of concepts, at most d_a and d_b."""
    decay: float = 0.5
    """Coordinate j of a direction has a standard deviation of j^-decay: 0 is isotropic."""
    rotated: bool = True
    """Whether each model turns the latent space; else coordinate j is the same in both."""
    direction_noise: float = 0.7
    """Length of the noise on a decoder row; the concept's direction has length 1."""
    activation_noise: float = 0.7
    """Standard deviation of the noise on activations; a concept's strength is 1 + Exponential."""
    power: float = 0.7
    """The concept of rank r happens in proportion to r^-power: 0 is equally often."""
    active: float = 6.0
    """Concepts of a model that happen on a token, on average."""
    k: int = 8
    """Features kept on each token."""
    documents: int = 60
    tokens: int = 32
    """Of each document."""
    topics: int = 6
    topical: float = 0.2
    """How much more a concept happens in documents of its topic: 0 not at all, 1 only there."""
    clustered: float = 0.0
    """Share of a direction's variance that the concepts of a topic have in common."""
    same_text: bool = True
    """Whether the two models read the same documents, or each its own."""
    same_directions: bool = True
    """Whether a shared concept has the same direction in both models, or in each its own."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """An SAE of one model, as the rest of the code sees a subject."""

    activations: sparse.csr_matrix
    """float32 [tokens, F]."""
    decoder: Float[np.ndarray, "F d"]
    """Unit rows."""
    concept: Int[np.ndarray, " F"]
    """The truth: which concept a feature stands for."""


@dataclass(frozen=True, eq=False)
class Model:
    """What one model holds: which concepts, in which directions."""

    held: Int[np.ndarray, " F"]
    directions: Float[np.ndarray, "F d"]


def dictionaries(world: World, rng: np.random.Generator) -> tuple[Dictionary, Dictionary]:
    """Return an SAE of model A and one of model B in a new world of this kind."""
    concepts = Concepts(world, rng)
    a, b = concepts.models()
    text = concepts.strengths()
    other = text if world.same_text else concepts.strengths()
    return concepts.sae(a, text), concepts.sae(b, other)


class Concepts:
    """The concepts of one world, drawn anew for each."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self._rng = world, rng
        narrow = min(world.width_a, world.width_b)
        self.n_shared = round(world.shared * narrow)
        self.n = world.width_a + world.width_b - self.n_shared
        self.topic = rng.integers(world.topics, size=self.n)
        self.directions = self._directions()
        # Ranks are drawn over all concepts, so shared ones are as frequent as others.
        self.frequency = (1.0 + rng.permutation(self.n)) ** -world.power
        self.frequency *= world.active / max(world.width_a, world.width_b) / self.frequency.mean()

    def _directions(self) -> Float[np.ndarray, "concepts latent"]:
        world, rng = self.world, self._rng
        own = rng.standard_normal((self.n, world.latent))
        common = rng.standard_normal((world.topics, world.latent))[self.topic]
        mixed = np.sqrt(world.clustered) * common + np.sqrt(1 - world.clustered) * own
        return _unit(mixed * np.arange(1, world.latent + 1.0) ** -world.decay)

    def models(self) -> tuple[Model, Model]:
        """Return two models that hold the shared concepts, and others of their own."""
        order = self._rng.permutation(self.n)
        both, rest = order[: self.n_shared], order[self.n_shared :]
        own_a = self.world.width_a - self.n_shared
        return (
            self._model(np.concatenate([both, rest[:own_a]]), self.directions, self.world.d_a),
            self._model(
                np.concatenate([both, rest[own_a:]]),
                self.directions if self.world.same_directions else self._directions(),
                self.world.d_b,
            ),
        )

    def _model(
        self,
        held: Int[np.ndarray, " F"],
        directions: Float[np.ndarray, "concepts latent"],
        d: int,
    ) -> Model:
        basis = np.eye(d)
        if self.world.rotated:
            basis = np.linalg.qr(self._rng.standard_normal((d, d)))[0]
        return Model(held, directions[held] @ basis[: self.world.latent])

    def strengths(self) -> Float32[np.ndarray, "T concepts"]:
        """Return what happens on the tokens of a new text, document by document."""
        world, rng = self.world, self._rng
        document_topic = rng.integers(world.topics, size=world.documents)
        matches = document_topic[:, None] == self.topic[None]
        boost = 1 - world.topical + world.topical * world.topics * matches
        chance = np.repeat(np.minimum(self.frequency * boost, 0.9), world.tokens, axis=0)
        happens: Bool[np.ndarray, "T concepts"] = rng.random(chance.shape) < chance
        strength = np.zeros(chance.shape, np.float32)
        strength[happens] = 1 + rng.standard_exponential(int(happens.sum()), dtype=np.float32)
        return strength

    def sae(self, model: Model, strengths: Float32[np.ndarray, "T concepts"]) -> Dictionary:
        """Return an SAE of `model`: each call is another seed of it, with noise of its own."""
        world, rng = self.world, self._rng
        order = rng.permutation(len(model.held))
        held = model.held[order]
        noise = rng.standard_normal((len(strengths), len(held)), dtype=np.float32)
        seen = strengths[:, held] + world.activation_noise * noise
        if world.k < len(held):
            smallest = -np.partition(-seen, world.k - 1, axis=1)[:, [world.k - 1]]
            seen[seen < smallest] = 0
        d = model.directions.shape[1]
        blur = world.direction_noise * rng.standard_normal((len(held), d)) / np.sqrt(d)
        return Dictionary(
            sparse.csr_matrix(np.maximum(seen, 0)), _unit(model.directions[order] + blur), held
        )


def _unit(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
