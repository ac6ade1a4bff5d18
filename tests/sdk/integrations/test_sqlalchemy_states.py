"""The changed rows of audited models are told with both states, whichever way they are changed."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import (
    Column,
    Engine,
    MetaData,
    Table,
    Text,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, load_only

from otel_audit import UnseenChange, _transaction
from otel_audit.entry import Entry
from otel_audit.errors import NotConfigured
from otel_audit.integrations.sql import changes_in
from otel_audit.integrations.sqlalchemy import Audited, audit_models, models
from otel_audit.testing import capture
from tests.sdk.integrations.shop_models import (
    Base,
    Carrier,
    Category,
    Clerk,
    Country,
    Customer,
    Line,
    Packer,
    Parcel,
    Person,
    Product,
    Stock,
    Tag,
    tags,
)

PRODUCT = Audited("product", leave_out=("touched",))


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def lite() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["postgres", "lite"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with nothing in it; nothing is audited but what the test asks for."""
    monkeypatch.setattr(_transaction, "_watchers", ())
    models.choose_none()
    engine: Engine = request.getfixturevalue(request.param)
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    yield engine
    models.choose_none()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on a shop whose products are audited."""
    audit_models({Product: PRODUCT})
    with Session(engine) as session:
        yield session


def _brief(entries: list[Entry]) -> list[tuple[str, str | None, Any, Any]]:
    return [(each.action, each.resource_id, each.previous_state, each.new_state) for each in entries]


def _changed(entry: Entry) -> dict[str, tuple[Any, Any]]:
    """What differs between the states of an update, which have the same keys."""
    before, after = entry.previous_state, entry.new_state
    assert before.keys() == after.keys()
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _statements(engine: Engine) -> list[str]:
    """Every statement from here on."""
    seen: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda c, cu, statement, *_: seen.append(statement))
    return seen


def _products(engine: Engine, *ids: int) -> None:
    with engine.begin() as connection, capture():
        connection.execute(
            insert(Product.__table__), [{"id": each, "sku": f"S{each}", "name": "cup", "price": 5} for each in ids]
        )


# -- instances -------------------------------------------------------------------------------------------------


def test_a_row_that_is_made_is_told_whole(session: Session):
    """With its key, its defaults, the server's too, under the names of its attributes."""
    with capture() as entries:
        session.add(Product(sku="S1"))
        session.flush()
        assert entries == []
        session.commit()
    [(action, identity, before, after)] = _brief(entries)
    assert (action, entries[0].resource_type, before) == ("product.create.success", "product", None)
    assert after == {
        "id": int(identity or 0),
        "sku": "S1",
        "title": "unnamed",
        "price": "1.00",
        "facts": None,
        "category_id": None,
    }


def test_an_update_has_both_states_and_costs_no_load(session: Session, engine: Engine):
    """Of what the instance knows; a deferred column stays unloaded, and what is as before is no event."""
    product = Product(sku="S1", title="cup", price=5, story="long")
    session.add(product)
    session.commit()
    session.refresh(product)
    statements = _statements(engine)
    with capture() as entries:
        product.title, product.price = "mug", Decimal("5.0")
        session.flush()
        product.touched = product.touched.replace(year=2020)
        session.commit()
    assert not [each for each in statements if each.startswith("SELECT")]
    [update] = entries
    assert (update.action, update.resource_id) == ("product.update.success", str(product.id))
    assert _changed(update) == {"title": ("cup", "mug")}
    assert "story" not in update.new_state
    assert update.previous_state["price"] == "5.00"


def test_what_an_expired_instance_was_is_read(session: Session):
    """A commit expires it: the previous state is in the database alone."""
    product = Product(sku="S1", price=5)
    session.add(product)
    with capture() as entries:
        session.commit()
        product.price = 7
        session.commit()
        product.story = "long"
        session.commit()
        product.facts = {"a": 1}
        session.flush()
        product.facts["a"] = 2
        session.commit()
        identity = str(product.id)
        session.commit()
        session.delete(product)
        session.commit()
    made, price, story, facts, more, gone = entries
    assert _changed(price) == {"price": ("5.00", "7.00")}
    assert (made.new_state["price"], made.new_state["facts"]) == ("5.00", None)
    assert _changed(story) == {"story": (None, "long")}
    assert (_changed(facts), _changed(more)) == ({"facts": (None, {"a": 1})}, {"facts": ({"a": 1}, {"a": 2})})
    assert (gone.action, gone.resource_id, gone.new_state) == ("product.delete.success", identity, None)
    assert (gone.previous_state["price"], gone.previous_state["facts"]) == ("7.00", {"a": 2})


def test_a_value_that_the_database_works_out_is_read_back(session: Session):
    """As an SQL expression in the new state cannot be told."""
    product = Product(sku="S1", price=5)
    session.add(product)
    session.commit()
    session.refresh(product)
    with capture() as entries:
        product.price = Product.price + 1
        session.commit()
    assert _changed(entries[0]) == {"price": ("5.00", "6.00")}


def test_what_was_not_loaded_is_in_neither_state(session: Session, engine: Engine):
    """Both say the same columns, without a load for the others."""
    _products(engine, 1)
    with capture() as entries:
        product = session.scalars(select(Product).options(load_only(Product.title))).one()
        product.title = "mug"
        session.commit()
    assert (entries[0].previous_state, entries[0].new_state) == (
        {"id": 1, "title": "cup"},
        {"id": 1, "title": "mug"},
    )


def test_a_relationship_changes_a_foreign_key(session: Session):
    """Whichever side it is set on; orphans are updates, and merge is what it turns out to be."""
    session.add_all([Category(id=1), Category(id=2), Product(id=1, sku="S1")])
    session.commit()
    with capture() as entries:
        session.get_one(Product, 1).category = session.get_one(Category, 1)
        session.commit()
        other = session.get_one(Category, 2)
        other.products.append(session.get_one(Product, 1))
        session.commit()
        other.products.clear()
        session.commit()
        session.merge(Product(id=1, title="merged"))
        session.merge(Product(id=2, title="new"))
        session.commit()
    assert [_changed(each) for each in entries[:4]] == [
        {"category_id": (None, 1)},
        {"category_id": (1, 2)},
        {"category_id": (2, None)},
        {"title": ("unnamed", "merged")},
    ]
    assert (entries[4].action, entries[4].resource_id) == ("product.create.success", "2")


def test_a_key_that_changes_and_keys_of_several_columns(engine: Engine):
    """A composite key is one id, its parts told apart; a new key's entry shows the old one."""
    audit_models([Line])
    with Session(engine) as session, capture() as entries:
        line = Line(order="a,b%", number=2, photo=b"\xff")
        session.add(line)
        session.commit()
        line.number = 3
        session.commit()
    assert [each.resource_id for each in entries] == ["a%2Cb%25,2", "a%2Cb%25,3"]
    assert (entries[0].resource_type, _changed(entries[1])) == ("line", {"number": (2, 3)})


def test_a_rollback_makes_all_of_it_failed(session: Session):
    """The whole transaction's, or a savepoint's alone; the flush that fails tells nothing afterwards either."""
    with capture() as entries:
        session.add(Product(id=1, sku="S1"))
        with session.begin_nested() as inner:
            session.add(Product(id=2, sku="S2"))
            session.flush()
            inner.rollback()
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(Product(id=3, sku="S1"))
        session.execute(update(Product).values(title="mug"))
        session.commit()
    assert [(each.action, each.resource_id) for each in entries] == [
        ("product.create.failed", "2"),
        ("product.create.success", "1"),
        ("product.update.success", "1"),
    ]
    assert orjson.loads(entries[0].metadata["attempted_state"])["sku"] == "S2"


def test_inheritance_is_told_of_the_class_that_is_audited(engine: Engine):
    """Joined tables make one state, a table that is shared tells of the audited class alone."""
    audit_models({Customer: "customer", Clerk: Audited("clerk", target="employee")})
    with Session(engine) as session, capture() as entries:
        customer, clerk = Customer(name="Ann", points=1), Clerk(name="Bob", desk="3")
        session.add_all([customer, clerk, Person(name="Nobody")])
        session.commit()
        customer.name, customer.points = "Anna", 2
        session.commit()
        session.delete(customer)
        session.execute(update(Person).values(name="all"))
        session.commit()
    kinds = {each.resource_type: each for each in entries if each.action.endswith("create.success")}
    assert set(kinds) == {"customer", "employee"}
    assert kinds["customer"].new_state.keys() == {"id", "kind", "name", "points"}
    updates = [each for each in entries if ".update." in each.action]
    assert [(each.action, _changed(each)) for each in updates] == [
        ("customer.update.success", {"name": ("Ann", "Anna"), "points": (1, 2)}),
        ("clerk.update.success", {"name": ("Bob", "all")}),
    ]
    [gone] = [each for each in entries if ".delete." in each.action]
    assert (gone.previous_state["points"], gone.previous_state["name"]) == (2, "Anna")


def test_an_association_table_is_audited_as_itself(engine: Engine):
    """A flush writes it without any instance."""
    audit_models({tags: "product_tag"})
    with Session(engine) as session, capture() as entries:
        product = Product(id=1, tags=[Tag(id=1), Tag(id=2)])
        session.add(product)
        session.commit()
        product.tags.pop()
        session.commit()
    assert _brief(entries)[2][:3] == ("product_tag.delete.success", "1,2", {"product_id": 1, "tag_id": 2})
    assert sorted(str(each.resource_id) for each in entries[:2]) == ["1,1", "1,2"]


# -- statements ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["session", "query", "connection", "many", "by key", "mappings"])
def test_a_bulk_update_is_told_row_by_row(session: Session, engine: Engine, way: str):
    """Each row with both states; what stays as it was is no event."""
    _products(engine, 1, 2, 3)
    with capture() as entries:
        match way:
            case "session":
                session.execute(update(Product).where(Product.id < 3).values(price=Product.price + 1))
            case "query":
                session.query(Product).filter(Product.id < 3).update({"price": 6}, synchronize_session=False)
            case "connection":
                table = Product.__table__
                session.connection().execute(table.update().where(table.c.id.in_([1, 2])).values(price=6))
            case "many":
                statement = update(Product.__table__).where(Product.id == bindparam("this")).values(price=6)
                session.connection().execute(statement, [{"this": 1}, {"this": 2}])
            case "by key":
                session.execute(update(Product), [{"id": 1, "price": 6}, {"id": 2, "price": 6}])
            case "mappings":
                session.bulk_update_mappings(Product, [{"id": 1, "price": 6}, {"id": 2, "price": 6}])
        session.execute(update(Product).where(Product.id == 3).values(title="cup"))
        session.commit()
    assert [(each.action, each.resource_id, _changed(each)) for each in entries] == [
        ("product.update.success", "1", {"price": ("5.00", "6.00")}),
        ("product.update.success", "2", {"price": ("5.00", "6.00")}),
    ]


def test_a_deferred_column_that_a_statement_changes_is_told(session: Session, engine: Engine):
    """Otherwise it would be a blind spot."""
    _products(engine, 1)
    with capture() as entries:
        session.execute(update(Product).values(story="long"))
        session.commit()
    assert _changed(entries[0]) == {"story": (None, "long")}


@pytest.mark.parametrize("way", ["session", "query", "connection"])
def test_a_bulk_delete_is_told_row_by_row(session: Session, engine: Engine, way: str):
    """With what each row was."""
    _products(engine, 1, 2, 3)
    with capture() as entries:
        match way:
            case "session":
                session.execute(delete(Product).where(Product.id < 3))
            case "query":
                session.query(Product).filter(Product.id < 3).delete(synchronize_session=False)
            case "connection":
                session.connection().execute(delete(Product.__table__).where(Product.__table__.c.id < 3))
        session.rollback()
        session.execute(delete(Product).where(Product.sku == "S3"))
        session.commit()
    assert [(each.action, each.resource_id) for each in entries] == [
        ("product.delete.failed", "1"),
        ("product.delete.failed", "2"),
        ("product.delete.success", "3"),
    ]
    assert (entries[2].previous_state["sku"], entries[2].new_state) == ("S3", None)


@pytest.mark.parametrize("way", ["values", "rows", "many", "orm", "orm returning", "mappings", "objects", "select"])
def test_a_bulk_insert_is_told_row_by_row(session: Session, way: str):
    """With the keys and defaults the database gave; the caller's answer is what it would have been."""
    rows: list[dict[str, Any]] = [{"sku": "S1", "title": "cup"}, {"sku": "S2", "title": "cup"}]
    table = Product.__table__
    core = [{"sku": row["sku"], "name": row["title"]} for row in rows]
    with capture() as entries:
        match way:
            case "values":
                for row in core:
                    result = session.connection().execute(insert(table).values(**row))
                    assert result.inserted_primary_key[0] > 0
            case "rows":
                assert session.connection().execute(insert(table).values(core)).rowcount == 2
            case "many":
                session.connection().execute(insert(table), core)
            case "orm":
                session.execute(insert(Product), rows)
            case "orm returning":
                made = session.scalars(insert(Product).returning(Product), rows).all()
                assert sorted(each.sku for each in made) == ["S1", "S2"]
            case "mappings":
                session.bulk_insert_mappings(Product, rows)
            case "objects":
                session.bulk_save_objects([Product(**row) for row in rows])
            case "select":
                now = literal(datetime.now(UTC))
                source = union_all(*(select(literal(each), literal("cup"), now) for each in ("S1", "S2")))
                session.execute(insert(table).from_select(["sku", "name", "touched"], source))
        session.commit()
    ids = {str(each.id) for each in session.scalars(select(Product))}
    assert {each.resource_id for each in entries} == ids
    told = sorted((each.action, each.new_state["sku"], each.new_state["price"]) for each in entries)
    assert told == [("product.create.success", "S1", "1.00"), ("product.create.success", "S2", "1.00")]


def test_what_an_insert_returns_is_still_there(session: Session):
    """We have read it before the caller: every row and column, one at a time too."""
    with capture() as entries:
        statement = insert(Product.__table__).returning(Product.__table__.c.sku, Product.__table__.c.id)
        result = session.connection().execute(statement, [{"sku": "S1"}, {"sku": "S2"}, {"sku": "S3"}])
        first, others = result.fetchone(), result.fetchmany(5)
        session.commit()
    assert (first[0], [row.sku for row in others]) == ("S1", ["S2", "S3"])
    assert len(entries) == 3


def test_an_upsert_is_told_as_what_it_did(engine: Engine):
    """A row that was there is an update, one that was not a create, and one that is passed over nothing."""
    audit_models({Stock: "inventory"})
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    rows = [{"sku": "S1", "place": "a", "amount": 5}, {"sku": "S2", "place": "a", "amount": 7}]
    with Session(engine) as session, capture() as entries:
        session.add(Stock(sku="S1", place="a", amount=1))
        session.commit()
        statement = dialect.insert(Stock)
        put = statement.on_conflict_do_update(
            index_elements=["sku", "place"], set_={"amount": statement.excluded.amount}
        )
        session.execute(put, rows)
        session.connection().execute(dialect.insert(Stock.__table__).values(rows).on_conflict_do_nothing())
        session.commit()
    made, updated, created = entries
    assert (made.action, made.resource_type) == (
        "inventory.update.success".replace("update", "create"),
        "inventory_item",
    )
    assert (updated.action, _changed(updated)) == ("inventory.update.success", {"amount": (1, 5)})
    assert (created.action, created.new_state["sku"], created.new_state["amount"]) == (
        "inventory.create.success",
        "S2",
        7,
    )


@pytest.mark.parametrize("engine", ["lite"], indirect=True)
def test_a_replaced_row_is_gone_and_another_is_there(lite: Engine, engine: Engine):
    """SQLite's OR REPLACE deletes what it meets; a key that stays is an update."""
    audit_models({Product: PRODUCT})
    _products(lite, 1, 2)
    with lite.begin() as connection, capture() as entries:
        table = Product.__table__
        replacing = insert(table).prefix_with("OR REPLACE")
        connection.execute(replacing.values(id=1, sku="S1", name="mug"))
        connection.execute(replacing.values(id=9, sku="S2", name="mug"))
    assert [(each.action, each.resource_id) for each in entries] == [
        ("product.update.success", "1"),
        ("product.delete.success", "2"),
        ("product.create.success", "9"),
    ]


def test_bulk_inserts_of_a_subclass_are_told_table_by_table(engine: Engine):
    """The row of the base class is the entity; what the subclass's table adds is an update of it."""
    audit_models({Customer: "customer"})
    with Session(engine) as session, capture() as entries:
        session.execute(insert(Customer), [{"name": "Ann", "points": 1}, {"name": "Bob", "points": 2}])
        session.execute(update(Customer).where(Customer.points == 2).values(points=3))
        session.commit()
    assert [each.action for each in entries] == ["customer.create.success"] * 2 + ["customer.update.success"] * 3
    assert _changed(entries[4]) == {"points": (2, 3)}
    assert {each.resource_id for each in entries[:2]} == {each.resource_id for each in entries[2:4]}


def _parcels(session: Session) -> None:
    session.add_all([Country(id=1), Packer(id=1)])
    session.flush()
    session.add(Carrier(id=1, country_id=1))
    session.flush()
    session.add_all([Parcel(id=1, carrier_id=1, packer_id=1), Parcel(id=2, packer_id=1)])
    session.flush()
    session.add(Parcel(id=3, inside=1))
    session.flush()
    session.add(Parcel(id=4, inside=3))
    session.commit()


@pytest.mark.parametrize("way", ["statement", "instance", "far away"])
def test_what_the_database_takes_along_is_told(engine: Engine, way: str):
    """ON DELETE CASCADE over several levels and tables that are not audited themselves."""
    audit_models({Parcel: "parcel"})
    with Session(engine) as session, capture() as entries:
        _parcels(session)
        entries.clear()
        match way:
            case "statement":
                session.execute(delete(Carrier).where(Carrier.id == 1))
            case "instance":
                session.delete(session.get_one(Carrier, 1))
            case "far away":
                session.execute(delete(Country))
        session.commit()
        assert list(session.scalars(select(Parcel.id))) == [2]
    assert sorted((each.action, each.resource_id) for each in entries) == [
        ("parcel.delete.success", each) for each in "134"
    ]
    assert {each.previous_state["carrier_id"] for each in entries} == {1, None}


def test_what_is_deleted_twice_over_is_told_once(engine: Engine):
    """A row that the statement deletes, and that the database would take along with another."""
    audit_models({Parcel: "parcel"})
    with Session(engine) as session, capture() as entries:
        _parcels(session)
        entries.clear()
        session.execute(delete(Parcel).where(Parcel.id.in_([1, 3])))
        session.commit()
    assert sorted(str(each.resource_id) for each in entries) == ["1", "3", "4"]


def test_what_the_database_sets_to_null_is_told(engine: Engine):
    """And what is beyond the bound is refused before anything is deleted."""
    audit_models({Parcel: "parcel"})
    with Session(engine) as session, capture() as entries:
        _parcels(session)
        entries.clear()
        session.execute(delete(Packer))
        session.commit()
        assert sorted((str(each.resource_id), _changed(each)) for each in entries) == [
            ("1", {"packer_id": (1, None)}),
            ("2", {"packer_id": (1, None)}),
        ]
        audit_models({Parcel: "parcel"}, bulk_max_rows=1)
        with pytest.raises(UnseenChange, match="a deletion in countries takes more than 1 rows along"):
            session.execute(delete(Country))
        session.rollback()
        audit_models({Parcel: "parcel"}, bulk_max_rows=1, unseen="record")
        session.execute(delete(Country))
        session.commit()
    assert (entries[-1].action, entries[-1].metadata["rows"]) == ("parcel.delete.success", None)


def test_a_statement_that_runs_others_is_told_all_the_same(session: Session):
    """A listener of the application changes another row of the table meanwhile."""
    session.add_all([Product(id=1, title="cup"), Product(id=2, title="cup"), Product(id=3, title="cup")])
    session.commit()
    done: list[bool] = []

    @event.listens_for(session.connection(), "before_execute")
    def meanwhile(connection: Any, statement: Any, *_: Any) -> None:
        if getattr(statement, "is_update", False) and not done:
            done.append(True)
            connection.execute(update(Product).where(Product.id == 2).values(title="mug"))

    with capture() as entries:
        session.execute(update(Product).where(Product.id == 1).values(title="jug"))
        session.commit()
    assert [(each.resource_id, _changed(each)) for each in entries] == [
        ("2", {"title": ("cup", "mug")}),
        ("1", {"title": ("cup", "jug")}),
    ]


def test_a_failed_statement_hides_nothing_that_follows(session: Session):
    """What was read for it is forgotten, and text is still noticed."""
    session.add_all([Product(id=1, sku="S1"), Product(id=2, sku="S2")])
    session.commit()
    with capture() as entries:
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(update(Product).values(sku="S1"))
        with pytest.raises(UnseenChange), session.begin_nested():
            session.connection().exec_driver_sql("UPDATE products SET name = 'mug'")
        session.execute(update(Product).where(Product.id == 1).values(title="jug"))
        session.commit()
    assert [(each.action, each.resource_id) for each in entries] == [("product.update.success", "1")]


# -- what cannot be told ---------------------------------------------------------------------------------------


def _too_many(session: Session) -> None:
    session.execute(update(Product).values(title="mug"))


def _too_many_rows(session: Session) -> None:
    session.execute(insert(Product), [{"id": each} for each in (7, 8, 9)])


def _text(session: Session) -> None:
    session.execute(text("UPDATE products SET name = 'mug' -- all\n"))


def _driver(session: Session) -> None:
    session.connection().exec_driver_sql("DELETE FROM products")


def _changed_key(session: Session) -> None:
    session.execute(update(Product).where(Product.id == 1).values(id=70))


@pytest.mark.parametrize("unseen", ["refuse", "record"])
@pytest.mark.parametrize(
    ("change", "verb", "rows"),
    [
        (_too_many, "update", 3),
        (_too_many_rows, "create", 3),
        (_text, "update", 3),
        (_driver, "delete", 3),
        (_changed_key, "update", 1),
    ],
)
def test_what_cannot_be_told_row_by_row_is_refused_or_said(
    engine: Engine, change: Any, verb: str, rows: int, unseen: Any
):
    """Refused, nothing of it stays after the rollback; else one entry says how many rows of what."""
    audit_models({Product: PRODUCT}, bulk_max_rows=2, unseen=unseen)
    with engine.begin() as connection:
        for each in (1, 2, 3):
            connection.execute(insert(Product.__table__).values(id=each, name="cup"))
    with Session(engine) as session, capture() as entries:
        if unseen == "refuse":
            with pytest.raises(UnseenChange, match=f"product.{verb}: "):
                change(session)
            session.rollback()
            assert sorted(session.scalars(select(Product.title))) == ["cup"] * 3
            assert entries == []
        else:
            change(session)
            session.commit()
            [entry] = entries
            assert (entry.action, entry.severity) == (f"product.{verb}.success", "warning")
            assert (entry.metadata["unseen"], entry.metadata["resource_type"]) == (True, "product")
            assert entry.metadata["rows"] in (rows, None)
            assert "unseen" in (entry.reason or "")


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_rows_that_another_transaction_makes_meanwhile_are_not_passed_over(postgres: Engine, engine: Engine):
    """A statement that touches more rows than were read says so: the count of the database is compared."""
    audit_models({Product: PRODUCT}, unseen="record")
    _products(postgres, 1)

    def another(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            with postgres.connect() as other, other.begin():
                other.execute(insert(Product.__table__).values(id=2, name="cup"))

    event.listen(postgres, "before_cursor_execute", another)
    with Session(postgres) as session, capture() as entries:
        session.execute(update(Product).values(title="mug"))
        session.commit()
    event.remove(postgres, "before_cursor_execute", another)
    made, unseen, seen = sorted(entries, key=lambda each: (each.action, each.severity != "warning"))
    assert (made.resource_id, _changed(seen)) == ("2", {"title": ("cup", "mug")})
    assert (unseen.metadata["rows"], unseen.reason) == (
        1,
        "a statement touched 1 rows unseen: others had changed them meanwhile",
    )


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_statement_inside_another_is_found(postgres: Engine, engine: Engine):
    """PostgreSQL's WITH may change what no SELECT shows."""
    audit_models({Product: PRODUCT})
    gone = delete(Product.__table__).returning(Product.__table__.c.id).cte()
    with Session(postgres) as session, pytest.raises(UnseenChange, match="within another statement"):
        session.execute(select(gone.c.id))


def test_texts_are_read_as_a_database_would():
    """Comments and literals change nothing; schemas and quotes are taken off."""
    assert changes_in('update ONLY "shop"."Products" set x=1') == (("update", "products"),)
    assert changes_in("SELECT 'delete from products' FROM a FOR UPDATE OF products -- truncate products") == (
        ("update", "of"),
    )
    assert changes_in("WITH a AS (DELETE FROM x) INSERT INTO y SELECT 1") == (("delete", "x"), ("create", "y"))
    assert changes_in("MERGE INTO products USING b") == (("update", "products"),)


def test_other_tables_and_readers_are_left_alone(session: Session, engine: Engine):
    """Not one statement more, and no event."""
    session.add(Category(id=1))
    session.commit()
    statements = _statements(engine)
    with capture() as entries:
        session.execute(update(Category).values(id=2))
        session.execute(text("DELETE FROM categories"))
        session.execute(select(Product)).all()
        session.commit()
    assert (len(statements), entries) == (3, [])


def test_statements_in_a_session_that_flushed_are_told(session: Session):
    """What a flush wrote is told by its instances; what a listener adds on the connection, by its rows."""

    @event.listens_for(session, "after_flush")
    def count(flushed: Session, context: Any) -> None:
        flushed.connection().execute(update(Product.__table__).values(name="counted"))

    with capture() as entries:
        session.add(Product(id=1, title="cup"))
        session.commit()
    assert [each.action for each in entries] == ["product.create.success", "product.update.success"]
    assert _changed(entries[1]) == {"title": ("cup", "counted")}


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_async_sessions_are_told_too(postgres_url: str, engine: Engine):
    """Without a load outside of SQLAlchemy's greenlet."""
    audit_models({Product: PRODUCT})

    async def story() -> None:
        over = create_async_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        async with AsyncSession(over) as session:
            product = Product(sku="S1", price=5)
            session.add(product)
            await session.commit()
            product.price = 6
            await session.commit()
            await session.execute(update(Product).values(price=7))
            await session.commit()
            await session.execute(delete(Product))
            await session.commit()
        await over.dispose()

    with capture() as entries:
        asyncio.run(story())
    assert [each.action for each in entries] == [
        f"product.{verb}.success" for verb in ("create", "update", "update", "delete")
    ]
    assert [_changed(each) for each in entries[1:3]] == [{"price": ("5.00", "6.00")}, {"price": ("6.00", "7.00")}]


def test_uuids_are_found_again(engine: Engine):
    """Keys that the application makes, in one insert of many."""
    audit_models({Person: "person"})
    with engine.begin() as connection, capture() as entries:
        connection.execute(insert(Person.__table__), [{"kind": "person"}, {"kind": "person"}])
    assert all(uuid.UUID(each.resource_id) for each in entries)
    assert len(entries) == 2


@pytest.mark.parametrize("engine", ["lite"], indirect=True)
@pytest.mark.parametrize(
    ("models_", "more", "problem"),
    [
        ({int: "x", Product: "product"}, {}, "neither a mapped class nor a Table"),
        ({Table("log", MetaData(), Column("line", Text)): "log"}, {}, "log has no primary key"),
        ({Product: "Product!"}, {}, "resource in lower case"),
        ({Product: Audited("product", leave_out=("secret",))}, {}, "no column 'secret' to leave out"),
        ({Product: "product"}, {"bulk_max_rows": 0}, "bulk_max_rows must be a positive whole number, not 0"),
        ({Product: "product"}, {"unseen": "ignore"}, "unseen must be one of refuse, record, not 'ignore'"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(engine: Engine, models_: Any, more: Any, problem: str):
    """At the call, before anything is audited."""
    with pytest.raises(NotConfigured, match=problem):
        audit_models(models_, **more)
    assert models.tables() == {}
