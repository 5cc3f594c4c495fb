"""What an index in Milvus does, against dictionaries: the models of the tests of the embedded store."""

import asyncio
import dataclasses
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from index.test_index_model import PortMachine
from index.test_tenants_model import BEGUN, STEPS, compared
from support import milvus_lite
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus

WHATEVER_IT_TAKES = settings(deadline=None, suppress_health_check=list(HealthCheck))


def test_the_index_agrees_with_a_dictionary(lite: str) -> None:
    class MilvusMachine(PortMachine):
        def opened(self) -> Index:
            return cast(Index, MilvusIndex(Milvus(lite)))

        def kept(self, batch: list[IndexedItem]) -> list[IndexedItem]:
            return [
                IndexedItem(one.item, [dataclasses.replace(part, regions=None) for part in one.sections])
                for one in batch
            ]

        def teardown(self) -> None:
            super().teardown()
            milvus_lite.emptied(lite)

    how = settings(WHATEVER_IT_TAKES, max_examples=6, stateful_step_count=20)
    run_state_machine_as_test(MilvusMachine, settings=how)


@pytest.mark.timeout(300)
@settings(WHATEVER_IT_TAKES, max_examples=5)
@given(steps=st.lists(STEPS, min_size=1, max_size=15))
def test_every_tenant_finds_what_is_its_own_or_shared_with_it_and_no_more(
    lite: str, steps: list[tuple[str, str, str, str]]
) -> None:
    asyncio.run(compared([*BEGUN, *steps], lambda: cast(Index, MilvusIndex(Milvus(lite)))))
    milvus_lite.emptied(lite)
