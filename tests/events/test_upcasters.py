from events.upcasters import UPCASTERS, upcast

CHAIN = {
    "thing.v1": lambda e: {**e, "type": "thing.v2", "b": e["a"]},
    "thing.v2": lambda e: {**e, "type": "thing.v3", "c": e["b"]},
}


def test_an_event_of_the_present_is_not_touched():
    envelope = {"type": "thing.v3"}
    assert upcast(envelope, CHAIN) is envelope


def test_upcasters_are_chained_up_to_the_present_schema():
    assert upcast({"type": "thing.v1", "a": 1}, CHAIN) == {
        "type": "thing.v3",
        "a": 1,
        "b": 1,
        "c": 1,
    }
    assert upcast({"type": "thing.v2", "b": 2}, CHAIN) == {"type": "thing.v3", "b": 2, "c": 2}


def test_what_has_no_type_is_not_touched():
    for envelope in ({}, {"type": None}, {"type": ["thing.v1"]}):
        assert upcast(envelope, CHAIN) == envelope


def test_a_cycle_by_mistake_ends():
    cycle = {"a": lambda e: {**e, "type": "b"}, "b": lambda e: {**e, "type": "a"}}
    assert upcast({"type": "a"}, cycle)["type"] in cycle


def test_there_are_no_old_schemas_yet():
    """When the first one comes, an upcaster belongs to it, and a test with an event that was stored."""
    assert UPCASTERS == {}
