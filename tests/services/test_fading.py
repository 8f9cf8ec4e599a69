import pytest
from prometheus_client import CollectorRegistry, Counter

from services.fading import KEPT_SECONDS, Fading


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def answers(registry, clock):
    return Fading(Counter("answers", "…", ["prompt", "version"], registry=registry), clock)


def value(registry, prompt, version):
    return registry.get_sample_value("answers_total", {"prompt": prompt, "version": str(version)})


def nothing(_labels):
    return False


def test_a_label_set_is_kept_for_ten_minutes_after_its_last_use(answers, registry, clock):
    answers.labels("system", 1).inc()
    clock.now += KEPT_SECONDS - 1
    answers.labels(prompt="system", version=1).inc()
    clock.now += KEPT_SECONDS - 1
    assert answers.forget(nothing) == 0
    assert value(registry, "system", 1) == 2


def test_a_label_set_goes_ten_minutes_after_its_last_use(answers, registry, clock):
    answers.labels("system", 1).inc()
    clock.now += 1
    answers.labels("system", 2).inc()
    clock.now += KEPT_SECONDS - 1
    assert answers.forget(nothing) == 1
    assert value(registry, "system", 1) is None
    assert value(registry, "system", 2) == 1


def test_what_is_to_be_kept_stays_however_old(answers, registry, clock):
    answers.labels("system", 2).inc()
    answers.labels("system", 1).inc()
    clock.now += 10 * KEPT_SECONDS
    assert answers.forget(lambda labels: labels == {"prompt": "system", "version": "2"}) == 1
    assert value(registry, "system", 2) == 1


def test_a_forgotten_label_set_begins_anew_when_it_is_used_again(answers, registry, clock):
    answers.labels("system", 1).inc(5)
    clock.now += KEPT_SECONDS
    answers.forget(nothing)
    answers.labels("system", 1).inc()
    assert value(registry, "system", 1) == 1
    clock.now += KEPT_SECONDS
    assert answers.forget(nothing) == 1


def test_a_removed_label_set_goes_at_once_and_one_that_never_was_is_no_error(answers, registry):
    answers.labels("system", 1).inc()
    answers.remove("system", 1)
    answers.remove("system", 7)
    assert value(registry, "system", 1) is None


def test_wrong_labels_are_refused_and_not_remembered(answers, clock):
    with pytest.raises(ValueError, match="label"):
        answers.labels("system")
    with pytest.raises(ValueError, match="label"):
        answers.labels(prompt="system", model="x")
    clock.now += KEPT_SECONDS
    assert answers.forget(nothing) == 0


def test_ten_thousand_versions_leave_only_the_young_ones(answers, registry, clock):
    for version in range(10_000):
        answers.labels("system", version).inc()
        clock.now += 1
        if version % 60 == 0:
            answers.forget(nothing)
    answers.forget(nothing)
    (family,) = registry.collect()
    series = [sample for sample in family.samples if sample.name == "answers_total"]
    assert len(series) == len(answers._used) == KEPT_SECONDS - 1
