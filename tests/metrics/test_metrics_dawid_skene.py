"""The latent-class check of a consensus."""

from __future__ import annotations

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics.raters.dawid_skene import dawid_skene

# Dawid and Skene 1979, table 1: 45 patients in classes 1 to 4 by 5 anaesthetists; of the first, who judged three times, the
# first session. The values of the test below are those of crowd-kit, which shares no code with siming.
ANAESTHETISTS = [
    "131222132242121111222222112111131224223111212",
    "142333232243131211212232112111131234233112212",
    "131123142243121111232222112111121223224111212",
    "132222132244111111222222112112131234333111212",
    "142122133343121111122122112111131223232111212",
]


@pytest.mark.filterwarnings("ignore")  # crowd-kit's own use of pandas warns
def test_the_anaesthetists_of_dawid_and_skene_agree_with_another_implementation():
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="witness: pip install crowd-kit")
    pandas = pytest.importorskip("pandas", reason="witness: pip install crowd-kit")
    labels = np.array([[int(label) - 1 for label in row] for row in ANAESTHETISTS]).T.ravel()
    patient, rater = np.repeat(np.arange(45), 5), np.tile(np.arange(5), 45)
    found = dawid_skene(
        labels,
        video=patient,
        step=np.zeros(225, dtype=int),
        rater=rater,
        n_labels=4,
        prevalence="pooled",
        smoothing=0,
    )
    witness = aggregation.DawidSkene(n_iter=2000, tol=1e-12)
    witness.fit(pandas.DataFrame({"task": patient, "worker": rater, "label": labels}))
    assert found.prevalence == pytest.approx(witness.priors_.sort_index().to_list(), abs=1e-5)
    assert found.posterior == pytest.approx(witness.probas_[[0, 1, 2, 3]].to_numpy(), abs=1e-4)


def plain_em(labels, raters, n_labels, rounds):
    """Dawid and Skene's equations 2.3 to 2.5 term by term, for one label per rater and cell."""
    cells = len(labels)
    truth = [[sum(row[r] == j for r in range(raters)) / raters for j in range(n_labels)] for row in labels]
    for _ in range(rounds):
        share = [sum(truth[i][j] for i in range(cells)) / cells for j in range(n_labels)]
        table = [
            [
                [
                    sum(truth[i][j] for i in range(cells) if labels[i][r] == given)
                    / sum(truth[i][j] for i in range(cells))
                    for given in range(n_labels)
                ]
                for j in range(n_labels)
            ]
            for r in range(raters)
        ]
        for i, row in enumerate(labels):
            likely = [share[j] * np.prod([table[r][j][row[r]] for r in range(raters)]) for j in range(n_labels)]
            truth[i] = [one / sum(likely) for one in likely]
    return np.array(truth), share, table


def test_the_anaesthetists_by_the_equations_of_the_paper_written_out():
    labels = [[int(row[patient]) - 1 for row in ANAESTHETISTS] for patient in range(45)]
    truth, share, table = plain_em(labels, 5, 4, rounds=150)
    found = dawid_skene(
        np.ravel(labels),
        video=np.repeat(np.arange(45), 5),
        step=np.zeros(225, dtype=int),
        rater=np.tile(np.arange(5), 45),
        n_labels=4,
        prevalence="pooled",
        smoothing=0,
    )
    assert found.posterior == pytest.approx(truth, abs=1e-6)
    assert found.prevalence == pytest.approx(share, abs=1e-6)
    for rater in range(5):
        assert np.array(found.confusion[rater]) == pytest.approx(np.array(table[rater]), abs=1e-6)


def test_cells_with_some_raters_missing_lean_on_those_who_judged_them():
    data, _ = exam(9, (0.95, 0.6, 0.6), n_videos=150)
    alone = (data["video"] < 3) & (data["rater"] > 0)
    found = dawid_skene(**{**data, "labels": np.where(alone, -1, data["labels"])}, prevalence="pooled")
    first = [place for place, (video, _) in enumerate(found.cells) if video < 3]
    given = data["labels"].reshape(3, -1)[0][first]
    assert (found.posterior[first].argmax(axis=1) == given).all()
    # .95 by construction, as far as 900 cells and two poor colleagues tell.
    assert 0.85 < found.posterior[first, given].mean() < 1


def test_two_raters_come_with_a_note_on_what_they_rest_and_three_without():
    assert any("third rater" in note for note in dawid_skene(**exam(3, (0.9, 0.8))[0]).notes)
    assert dawid_skene(**exam(3, (0.9, 0.8, 0.8))[0]).notes == ()


def exam(seed, accuracy, *, n_videos=80, n_steps=6, k=3, by_step=False):
    rng = np.random.default_rng(seed)
    video, step = (axis.ravel() for axis in np.meshgrid(np.arange(n_videos), np.arange(n_steps), indexing="ij"))
    shares = rng.dirichlet(np.full(k, 0.8), n_steps) if by_step else np.tile(np.full(k, 1 / k), (n_steps, 1))
    truth = (shares.cumsum(axis=1)[step] < rng.random(len(step))[:, None]).sum(axis=1)
    labels = []
    for right in accuracy:
        wrong = (truth + rng.integers(1, k, len(truth))) % k
        labels.append(np.where(rng.random(len(truth)) < right, truth, wrong))
    raters = len(accuracy)
    return {
        "labels": np.concatenate(labels),
        "video": np.tile(video, raters),
        "step": np.tile(step, raters),
        "rater": np.repeat(np.arange(raters), len(truth)),
        "n_labels": k,
    }, truth


def test_accuracy_of_three_raters_is_found_without_knowing_the_truth():
    data, truth = exam(1, (0.95, 0.85, 0.65), n_videos=200)
    found = dawid_skene(**data, prevalence="pooled")
    assert [found.accuracy[r].value for r in range(3)] == pytest.approx([0.95, 0.85, 0.65], abs=0.05)
    assert found.prevalence == pytest.approx([1 / 3] * 3, abs=0.05)
    assert np.diag(found.confusion[0]) == pytest.approx([0.95] * 3, abs=0.06)
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.93


def test_two_raters_suffice_where_steps_differ_in_difficulty():
    data, _ = exam(2, (0.95, 0.75), n_videos=300, by_step=True, k=2)
    found = dawid_skene(**data)
    assert [found.accuracy[r].value for r in range(2)] == pytest.approx([0.95, 0.75], abs=0.06)


def test_two_raters_and_pooled_shares_are_refused_as_not_identified_and_the_mend_works():
    data, _ = exam(3, (0.9, 0.8))
    found = dawid_skene(**data, prevalence="pooled")
    assert "not identified" in found.reason
    assert found.accuracy[0].value is None
    assert "prevalence='step'" in found.reason
    assert dawid_skene(**data, prevalence="step").reason is None


def test_one_rater_is_refused():
    assert "at least 2" in dawid_skene(**exam(4, (0.9,))[0]).reason


def test_a_consensus_label_against_three_good_raters_is_doubted_first():
    data, truth = exam(5, (0.97, 0.97, 0.97))
    consensus = truth.copy()
    unanimous = np.flatnonzero((data["labels"].reshape(3, -1) == truth).all(axis=0))[3]
    consensus[unanimous] = (truth[unanimous] + 1) % 3
    found = dawid_skene(**data, consensus=np.tile(consensus, 3))
    worst = found.doubtful[0]
    assert (worst.video, worst.step) == (data["video"][unanimous], data["step"][unanimous])
    assert worst.likeliest == truth[unanimous]
    assert worst.probability < 0.01
    right = found.posterior.argmax(axis=1) == consensus
    assert found.agreement.value == pytest.approx(right.mean())
    assert found.agreement.interval.low < found.agreement.value


def test_cells_without_consensus_are_counted_and_not_judged():
    data, truth = exam(6, (0.9, 0.9, 0.9))
    consensus = np.where(np.arange(len(truth)) % 4 == 0, -1, truth)
    found = dawid_skene(**data, consensus=np.tile(consensus, 3))
    assert found.agreement.n == int((consensus >= 0).sum())
    assert found.agreement.left_out["without_consensus"] == int((consensus < 0).sum())


def test_the_names_and_order_of_raters_change_nothing():
    data, _ = exam(7, (0.9, 0.8, 0.7))
    order = np.random.default_rng(0).permutation(len(data["labels"]))
    mixed = {name: column[order] for name, column in data.items() if name != "n_labels"}
    assert dawid_skene(**mixed, n_labels=3).posterior == pytest.approx(dawid_skene(**data).posterior, abs=1e-7)


def test_two_consensus_labels_for_one_cell_are_refused():
    data, truth = exam(8, (0.9, 0.9, 0.9))
    consensus = np.tile(truth, 3)
    consensus[0] = (consensus[0] + 1) % 3
    with pytest.raises(LabelError, match="two consensus labels"):
        dawid_skene(**data, consensus=consensus)
