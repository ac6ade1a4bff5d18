"""Its models."""

import uuid
from typing import ClassVar

from django.db import models


class Tag(models.Model):
    pass


class Category(models.Model):
    pass


class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True, null=True)
    title = models.TextField(default="unnamed")
    price = models.DecimalField(max_digits=10, decimal_places=2, default=1)
    facts = models.JSONField(null=True)
    touched = models.DateTimeField(auto_now=True)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="products")
    tags = models.ManyToManyField(Tag, related_name="products")


class Review(models.Model):
    product = models.ForeignKey(Product, models.CASCADE)
    text = models.TextField(default="")


class Person(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.TextField(default="")


class Customer(Person):
    points = models.IntegerField(default=0)


class Loud(Product):
    class Meta:
        proxy = True


class Stock(models.Model):
    sku = models.CharField(max_length=20)
    place = models.CharField(max_length=20)
    amount = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["sku", "place"], name="stock_once")]


TABLES = (Tag, Category, Product, Review, Person, Customer, Stock)
