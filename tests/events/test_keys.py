from events.streams.keys import Keys

KEYS = Keys("prod")


def test_every_key_of_a_namespace_is_on_one_slot_and_no_two_are_the_same():
    names = [
        KEYS.log, KEYS.access.log, KEYS.reports, KEYS.credentials,
        KEYS.replica("a"), KEYS.snapshot("a"), KEYS.session("a"), KEYS.link("a"),
        KEYS.fence, KEYS.rebuilt, KEYS.access.fence, KEYS.access.rebuilt, KEYS.tail("a"),
    ]  # fmt: skip
    assert all(name.startswith("{prod}:") for name in names)
    assert len(set(names)) == len(names)


def test_the_access_log_is_another_stream_and_all_else_is_the_same():
    assert (KEYS.log, KEYS.access.log) == ("{prod}:log", "{prod}:access")
    assert (KEYS.fence, KEYS.access.rebuilt) == ("{prod}:log:fence", "{prod}:access:rebuilt")
    assert KEYS.access.tail("a") == KEYS.tail("a")
    assert KEYS.access.reports == KEYS.reports
    assert KEYS.access.access == KEYS.access
