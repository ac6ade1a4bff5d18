"""The models of a small shop, mapped in all the ways that states have to be told of."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    ForeignKey,
    LargeBinary,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, deferred, mapped_column, relationship


class Base(DeclarativeBase):
    pass


tags = Table(
    "product_tags",
    Base.metadata,
    Column("product_id", ForeignKey("products.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)


class Category(Base):
    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(primary_key=True)
    products: Mapped[list["Product"]] = relationship(back_populates="category", cascade="save-update, merge")


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str | None] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column("name", Text, default="unnamed")
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="1.00")
    facts: Mapped[dict | None] = mapped_column(MutableDict.as_mutable(JSON))
    story: Mapped[str | None] = deferred(mapped_column(Text))
    touched: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"))
    category: Mapped[Category | None] = relationship(back_populates="products")
    tags: Mapped[list[Tag]] = relationship(secondary=tags)
    loud = column_property(func.upper(title))

    @hybrid_property
    def gross(self) -> Decimal:
        return self.price * 2


class Line(Base):
    __tablename__ = "order_lines"
    order: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(default=1)
    photo: Mapped[bytes | None] = mapped_column(LargeBinary)


class Person(Base):
    """Joined inheritance below, and a class of its own in one table with another."""

    __tablename__ = "people"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str | None]
    __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_on": "kind", "polymorphic_identity": "person"}


class Customer(Person):
    __tablename__ = "customers"
    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    points: Mapped[int] = mapped_column(default=0)
    __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "customer"}


class Clerk(Person):
    desk: Mapped[str | None]
    __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "clerk"}


class Stock(Base):
    __tablename__ = "stock"
    __table_args__ = (UniqueConstraint("sku", "place"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(20))
    place: Mapped[str] = mapped_column(String(20), server_default="main")
    amount: Mapped[int] = mapped_column(default=0)


class Parcel(Base):
    """The database takes parcels along with what they are in, and forgets who packed them."""

    __tablename__ = "parcels"
    id: Mapped[int] = mapped_column(primary_key=True)
    inside: Mapped[int | None] = mapped_column(ForeignKey("parcels.id", ondelete="CASCADE"))
    carrier_id: Mapped[int | None] = mapped_column(ForeignKey("carriers.id", ondelete="CASCADE"))
    packer_id: Mapped[int | None] = mapped_column(ForeignKey("packers.id", ondelete="SET NULL"))


class Carrier(Base):
    __tablename__ = "carriers"
    id: Mapped[int] = mapped_column(primary_key=True)
    country_id: Mapped[int | None] = mapped_column(ForeignKey("countries.id", ondelete="CASCADE"))
    parcels: Mapped[list[Parcel]] = relationship(passive_deletes=True)


class Country(Base):
    __tablename__ = "countries"
    id: Mapped[int] = mapped_column(primary_key=True)


class Packer(Base):
    __tablename__ = "packers"
    id: Mapped[int] = mapped_column(primary_key=True)
