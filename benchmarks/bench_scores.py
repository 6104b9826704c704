"""Time of each score for 2 000 real digits against 2 000 others: `python benchmarks/bench_scores.py`.

Beside a score stands the same score of scikit-learn, SciPy or torchmetrics, where there is one. The table shows the
median turn of each in processor seconds, which say something on a busy machine too.
"""

import time
import warnings

import results
import torch
from scipy import stats
from sklearn.metrics import pairwise
from sklearn.neighbors import NearestNeighbors
from torch import nn

from genphys import data, scores, train

N, TURNS = 2000, 3


class Features(nn.Module):
    """The classifier's features under the interface of torchmetrics."""

    num_features = 64

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, images):
        return self.classifier.features(images.flatten(1))


class Logits(Features):
    def forward(self, images):
        return self.classifier(images.flatten(1))


def contenders(x, y, classifier):
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import maximum_mean_discrepancy

    points = torch.cat([x, y]).numpy()
    fx, fy = (scores.image_features(classifier, s) for s in (x, y))

    def inception():
        return scores.inception_score(scores.image_log_probs(classifier, y))

    def mode():
        return scores.mode_score(scores.image_log_probs(classifier, y), scores.image_log_probs(classifier, x))

    def sklearn_mmd():
        kernels = [pairwise.rbf_kernel(a.double(), b.double(), 1 / 200) for a, b in ((x, x), (x, y), (y, y))]
        return maximum_mean_discrepancy(*map(torch.from_numpy, kernels))

    def sklearn_neighbours():
        return NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points)

    def sklearn_recall():
        radius = [NearestNeighbors(n_neighbors=6).fit(f).kneighbors(f)[0][:, -1] for f in (fx, fy)]
        distance = pairwise.euclidean_distances(fx, fy)
        return (distance <= radius[0][:, None]).any(0).mean(), (distance <= radius[1]).any(1).mean()

    def torchmetrics_fid():
        metric = FrechetInceptionDistance(feature=Features(classifier), normalize=True)
        for images, real in ((x, True), (y, False)):
            for piece in images.view(-1, 1, 28, 28).split(500):
                with torch.no_grad():
                    metric.update(piece, real=real)
        return metric.compute()

    def torchmetrics_inception():
        metric = InceptionScore(feature=Logits(classifier), splits=2)
        for piece in y.view(-1, 1, 28, 28).split(500):
            with torch.no_grad():
                metric.update(piece)
        return metric.compute()

    ink = x.sum(1), y.sum(1)
    rng = torch.Generator().manual_seed(0)
    return {
        "MMD^2 and its error": (lambda: scores.mmd2_and_error(x, y, 10.0), ("scikit-learn", sklearn_mmd)),
        "MMD^2, plain": (lambda: scores.mmd2(x, y, 10.0), (None, None)),
        "MMD^2, blocked": (lambda: scores.mmd2_blocked(x, y, 10.0), (None, None)),
        "MMD permutation test, 200": (lambda: scores.mmd_test(x, y, 10.0, rng=rng), (None, None)),
        "1-nearest-neighbour": (lambda: scores.nearest_neighbour(x, y), ("scikit-learn", sklearn_neighbours)),
        "Wasserstein, assignment": (lambda: scores.wasserstein(x, y), (None, None)),
        "Wasserstein, one dimension": (
            lambda: scores.wasserstein_1d(*ink),
            ("SciPy", lambda: stats.wasserstein_distance(*ink)),
        ),
        "Frechet distance": (lambda: scores.image_frechet2(classifier, x, y), ("torchmetrics", torchmetrics_fid)),
        "inception score": (inception, ("torchmetrics", torchmetrics_inception)),
        "mode score": (mode, (None, None)),
        "precision, recall, density, coverage": (
            lambda: scores.precision_recall(fx, fy),
            ("scikit-learn", sklearn_recall),
        ),
        "Kolmogorov-Smirnov": (
            lambda: scores.kolmogorov_smirnov(*ink),
            ("SciPy", lambda: stats.ks_2samp(*ink, method="asymp")),
        ),
    }


def seconds(call):
    """Processor seconds of some turns."""
    turns = []
    for _ in range(TURNS):
        began = time.process_time()
        call()
        turns.append(time.process_time() - began)
    return turns


def main():
    warnings.filterwarnings("ignore", module="torchmetrics")
    digits = data.digits()
    classifier = train.load_classifier()[0]
    x, y = digits.train_images[:N], digits.train_images[N : 2 * N]
    rows = []
    for name, (ours, (library, theirs)) in contenders(x, y, classifier).items():
        other = seconds(theirs) if theirs else None
        rows.append(results.row(f"{name}, {N} digits each", "CPU s", seconds(ours), library, other))
    results.show(rows)
    results.write("scores", rows)


if __name__ == "__main__":
    main()
