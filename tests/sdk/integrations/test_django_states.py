"""The changed rows of audited Django models are told with both states, whichever way the ORM changes them."""

import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext

import otel_audit
from otel_audit import UnseenChange, _transaction
from otel_audit.entry import Entry
from otel_audit.errors import NotConfigured
from otel_audit.integrations.audited import Audited
from otel_audit.testing import capture
from tests.sdk.integrations.django_database import database

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the database during app initialization:RuntimeWarning")

LITE, PG = "audit_states", "audit_states_pg"


@pytest.fixture(scope="module")
def shop() -> ModuleType:
    """The models; Django's settings can be configured once in a process."""
    if not settings.configured:
        settings.configure(DATABASES={})
    install = apps.set_installed_apps if apps.ready else apps.populate
    install(["tests.sdk.integrations.django_shop"])
    from tests.sdk.integrations.django_shop import models

    return models


@pytest.fixture(scope="module")
def _databases(shop: ModuleType, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    named = psycopg.conninfo.conninfo_to_dict(postgres_url)
    connections.settings[LITE] = database("sqlite3", NAME=str(tmp_path_factory.mktemp("django") / "states"))
    connections.settings[PG] = database("postgresql", NAME=named["dbname"], USER=named["user"], HOST=named["host"])
    for alias in (LITE, PG):
        with connections[alias].schema_editor() as editor:
            for table in shop.TABLES:
                editor.create_model(table)
        _forget(alias)
    yield
    with connections[PG].schema_editor() as editor:
        for table in reversed(shop.TABLES):
            editor.delete_model(table)
    for alias in (LITE, PG):
        _forget(alias)
        del connections.settings[alias]


def _forget(alias: str) -> None:
    connections[alias].close()
    del connections[alias]


@pytest.fixture(params=[LITE, PG])
def alias(request: pytest.FixtureRequest, shop: ModuleType, _databases: None, monkeypatch: Any) -> Iterator[str]:
    """A database with nothing in it; the shop's products are audited."""
    from otel_audit.integrations.django import audit_models
    from otel_audit.integrations.django.models import choose_none

    monkeypatch.setattr(_transaction, "_watchers", ())
    choose_none()
    alias: str = request.param
    for table in reversed(shop.TABLES):
        table.objects.using(alias).all().delete()
    audit_models({shop.Product: Audited("product", leave_out=("touched",))})
    yield alias
    choose_none()
    _forget(alias)


def _changed(entry: Entry) -> dict[str, tuple[Any, Any]]:
    before, after = entry.previous_state, entry.new_state
    assert before.keys() == after.keys()
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _named(entries: list[Entry]) -> list[tuple[str, str | None]]:
    return [(each.action.removeprefix("product."), each.resource_id) for each in entries]


def _products(shop: ModuleType, alias: str, *ids: int) -> list[Any]:
    made = [shop.Product(id=each, sku=f"S{each}", title="cup", price=5) for each in ids]
    with capture():
        shop.Product.objects.using(alias).bulk_create(made)
    return made


def test_a_row_that_is_saved_is_told_as_the_database_has_it(shop: ModuleType, alias: str):
    """A new one whole, a changed one with both states; saving the same again is no event."""
    with capture() as entries:
        product = shop.Product(sku="S1", price=5)
        product.save(using=alias)
        product.price = F("price") + 1
        product.save(using=alias)
        product.refresh_from_db()
        product.save(using=alias)
        key = str(product.pk)
        product.delete()
    made, updated, gone = entries
    assert _named(entries) == [("create.success", key), ("update.success", key), ("delete.success", key)]
    assert made.new_state == {
        "id": int(key), "sku": "S1", "title": "unnamed", "price": "5.00", "facts": None, "category_id": None
    }  # fmt: skip
    assert (_changed(updated), made.previous_state) == ({"price": ("5.00", "6.00")}, None)
    assert (gone.previous_state["price"], gone.new_state) == ("6.00", None)


def test_a_bulk_update_is_told_row_by_row(shop: ModuleType, alias: str):
    """Of a queryset, over a relation too, of many objects, and through a proxy."""
    first, second, _ = _products(shop, alias, 1, 2, 3)
    products = shop.Product.objects.using(alias)
    with capture() as entries:
        products.filter(pk__lt=3).update(price=F("price") + 1)
        first.title, second.title = "mug", "jug"
        products.bulk_update([first, second], ["title"])
        products.annotate(count=Count("tags")).filter(count__gt=0).update(title="none")
        category = shop.Category.objects.using(alias).create()
        category.products.set([first])
        products.filter(category__id=category.pk).order_by("sku").update(facts={"a": [1]})
        shop.Loud.objects.using(alias).filter(pk=3).update(title="loud")
        category.delete()
    assert [(key, _changed(each)) for (_, key), each in zip(_named(entries), entries, strict=True)] == [
        ("1", {"price": ("5.00", "6.00")}),
        ("2", {"price": ("5.00", "6.00")}),
        ("1", {"title": ("cup", "mug")}),
        ("2", {"title": ("cup", "jug")}),
        ("1", {"category_id": (None, category.pk or entries[4].new_state["category_id"])}),
        ("1", {"facts": (None, {"a": [1]})}),
        ("3", {"title": ("cup", "loud")}),
        ("1", {"category_id": (entries[4].new_state["category_id"], None)}),
    ]


def test_a_bulk_delete_is_told_row_by_row(shop: ModuleType, alias: str):
    """Fast, raw, and by a cascade, which no signal tells of."""
    otel_audit.integrations.django.audit_models({shop.Review: "review"})
    _products(shop, alias, 1, 2, 3)
    shop.Review.objects.using(alias).create(pk=7, product_id=1)
    with capture() as entries:
        shop.Product.objects.using(alias).filter(pk=1).delete()
        products = shop.Product.objects.using(alias).filter(pk__in=[2, 3])
        products._raw_delete(alias)
    assert _named(entries) == [
        ("review.delete.success", "7"),
        ("delete.success", "1"),
        ("delete.success", "2"),
        ("delete.success", "3"),
    ]
    assert (entries[0].previous_state["product_id"], entries[3].previous_state["sku"]) == (1, "S3")


def test_a_bulk_insert_is_told_row_by_row(shop: ModuleType, alias: str):
    """With the keys the database gave, also where rows are met that were there."""
    products = shop.Product.objects.using(alias)
    with capture() as entries:
        made = products.bulk_create([shop.Product(sku="S1"), shop.Product(sku="S2")])
        products.bulk_create([shop.Product(sku="S1"), shop.Product(sku="S3")], ignore_conflicts=True)
        products.bulk_create(
            [shop.Product(sku="S1", title="mug"), shop.Product(sku="S4")],
            update_conflicts=True,
            unique_fields=["sku"],
            update_fields=["title"],
        )
        products.get_or_create(sku="S1")
        products.update_or_create(sku="S1", defaults={"title": "jug"})
    told = [(each.action.split(".")[1], each.new_state["sku"], each.new_state["title"]) for each in entries]
    assert told == [
        ("create", "S1", "unnamed"),
        ("create", "S2", "unnamed"),
        ("create", "S3", "unnamed"),
        ("update", "S1", "mug"),
        ("create", "S4", "unnamed"),
        ("update", "S1", "jug"),
    ]
    assert entries[0].resource_id == str(made[0].pk)


def test_a_unique_constraint_finds_what_an_upsert_met(shop: ModuleType, alias: str):
    """Its fields together; the catalogue names what the rows are."""
    otel_audit.integrations.django.audit_models({shop.Stock: "inventory"})
    stock = shop.Stock.objects.using(alias)
    with capture() as entries:
        stock.create(sku="S1", place="a", amount=1)
        rows = [shop.Stock(sku="S1", place="a", amount=5), shop.Stock(sku="S1", place="b", amount=6)]
        stock.bulk_create(rows, update_conflicts=True, unique_fields=["sku", "place"], update_fields=["amount"])
    assert [(each.action, each.resource_type) for each in entries] == [
        ("inventory.create.success", "inventory_item"),
        ("inventory.update.success", "inventory_item"),
        ("inventory.create.success", "inventory_item"),
    ]
    assert _changed(entries[1]) == {"amount": (1, 5)}


def test_a_many_to_many_relation_is_an_update_of_its_model(shop: ModuleType, alias: str):
    """From either side, and when the other end is deleted."""
    (product,) = _products(shop, alias, 1)
    one, two = (shop.Tag.objects.using(alias).create(pk=each) for each in (1, 2))
    with capture() as entries:
        product.tags.add(one)
        two.products.add(product)
        product.tags.set([two])
        two.delete()
    assert [(each.previous_state, each.new_state) for each in entries] == [
        ({"tags": []}, {"tags": [1]}),
        ({"tags": [1]}, {"tags": [1, 2]}),
        ({"tags": [1, 2]}, {"tags": [2]}),
        ({"tags": [2]}, {"tags": []}),
    ]
    assert _named(entries) == [("update.success", "1")] * 4


def test_inherited_columns_are_part_of_the_state(shop: ModuleType, alias: str):
    """Though they lie in a table of their own; parent and child are each told where both are audited."""
    otel_audit.integrations.django.audit_models({shop.Customer: "customer"})
    customers = shop.Customer.objects.using(alias)
    with capture() as entries:
        customer = customers.create(name="Ann", points=1)
        customers.filter(points=1).update(name="Anna", points=2)
        shop.Person.objects.using(alias).update(name="all")
        customer.delete()
        otel_audit.integrations.django.audit_models({shop.Person: "person"})
        customers.create(name="Bob")
        customers.update(name="Rob")
    assert [each.action.removesuffix(".success") for each in entries] == [
        "customer.create", "customer.update", "customer.update", "customer.delete",
        "person.create", "customer.create", "customer.update", "person.update",
    ]  # fmt: skip
    assert entries[0].new_state.keys() == {"id", "person_ptr_id", "name", "points"}
    assert _changed(entries[1]) == {"name": ("Ann", "Anna"), "points": (1, 2)}
    assert entries[3].previous_state["name"] == "all"


def test_a_rollback_makes_it_failed(shop: ModuleType, alias: str):
    """The events join the open transaction."""
    _products(shop, alias, 1)
    with capture() as entries, transaction.atomic(alias):
        shop.Product.objects.using(alias).update(title="mug")
        assert entries == []
        transaction.set_rollback(True, alias)
    assert _named(entries) == [("update.failed", "1")]


def _too_many(shop: ModuleType, alias: str) -> None:
    shop.Product.objects.using(alias).update(title="mug")


def _too_many_new(shop: ModuleType, alias: str) -> None:
    shop.Product.objects.using(alias).bulk_create([shop.Product(pk=each, title="mug") for each in (7, 8, 9)])


def _text(shop: ModuleType, alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute('UPDATE "django_shop_product" SET title = %s', ["mug"])


@pytest.mark.parametrize("unseen", ["refuse", "record"])
@pytest.mark.parametrize(("change", "verb"), [(_too_many, "update"), (_too_many_new, "create"), (_text, "update")])
def test_what_cannot_be_told_row_by_row_is_refused_or_said(
    shop: ModuleType, alias: str, change: Any, verb: str, unseen: Any
):
    """Refused, nothing of it is done; else one entry says how many rows of what."""
    _products(shop, alias, 1, 2, 3)
    otel_audit.integrations.django.audit_models({shop.Product: "product"}, bulk_max_rows=2, unseen=unseen)
    with capture() as entries:
        if unseen == "refuse":
            with pytest.raises(UnseenChange, match=f"product.{verb}: "):
                change(shop, alias)
            assert entries == []
            assert not shop.Product.objects.using(alias).filter(title="mug").exists()
        else:
            change(shop, alias)
            [entry] = entries
            assert (entry.action, entry.severity) == (f"product.{verb}.success", "warning")
            assert (entry.metadata["rows"], entry.metadata["unseen"]) == (3, True)


def test_other_models_cost_nothing(shop: ModuleType, alias: str):
    """Not one statement more, and no event."""
    connections[alias].ensure_connection()
    with CaptureQueriesContext(connections[alias]) as queries, capture() as entries:
        category = shop.Category.objects.using(alias).create()
        shop.Category.objects.using(alias).filter(pk=category.pk).update(id=category.pk)
        list(shop.Product.objects.using(alias).all())
    assert (len(queries), entries) == (3, [])


def test_a_thread_that_was_there_is_no_blind_spot(shop: ModuleType, alias: str):
    """It has had its connection since before its model was audited."""
    started, audited = threading.Event(), threading.Event()

    def work() -> None:
        shop.Stock.objects.using(alias).count()
        started.set()
        audited.wait(10)
        shop.Stock.objects.using(alias).create(sku="S1", place="a")
        connections[alias].close()

    thread = threading.Thread(target=work)
    with capture() as entries:
        thread.start()
        assert started.wait(10)
        otel_audit.integrations.django.audit_models([shop.Stock])
        audited.set()
        thread.join()
    assert [each.action for each in entries] == ["stock.create.success"]


@pytest.mark.parametrize("alias", [LITE], indirect=True)
def test_what_is_asked_for_wrongly_is_named(shop: ModuleType, alias: str):
    """At the call."""
    audit_models = otel_audit.integrations.django.audit_models
    for asked, problem in (
        ({int: "x"}, "no model with a table"),
        ({shop.Product: Audited("product", leave_out=("secret",))}, "no field 'secret' to leave out"),
        ({shop.Product: "Product!"}, "resource in lower case"),
    ):
        with pytest.raises(NotConfigured, match=problem):
            audit_models(asked)
