"""What was sold. Slow work, asked for now and then."""

from typing import Any

import jinja2
import pandas

_BEST_CUSTOMERS = 50

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<h1>Sales, {{ months[0].month }} to {{ months[-1].month }}</h1>
<table>
  <tr><th>month<th>orders<th>customers<th>best sold{% for each in categories %}<th>{{ each }}{% endfor %}<th>all</tr>
{% for each in months %}
  <tr><td>{{ each.month }}<td>{{ each.orders }}<td>{{ each.customers }}<td>{{ each.best }}
  {%- for category in categories %}<td>{{ "%.2f" | format(each[category] / 100) }}{% endfor -%}
  <td>{{ "%.2f" | format(each.cents / 100) }}</tr>
{% endfor %}
</table>
<h2>Best customers</h2>
<ol>
{% for each in customers %}
  <li>{{ each.customer }}: {{ each.orders }} orders, {{ "%.2f" | format(each.cents / 100) }}</li>
{% endfor %}
</ol>
""")


def monthly(orders: list[dict[str, Any]]) -> str:
    """A page of what was sold in each month, as HTML. There must be an order, or ValueError is raised."""
    if not orders:
        raise ValueError("nothing was sold: there is nothing to report")
    sold = pandas.DataFrame.from_records(orders)
    sold["month"] = pandas.to_datetime(sold["date"]).dt.strftime("%Y-%m")
    by_month = sold.groupby("month")
    months = by_month.agg(orders=("sku", "size"), customers=("customer", "nunique"), cents=("cents", "sum"))
    by_category = sold.pivot_table(index="month", columns="category", values="cents", aggfunc="sum", fill_value=0)
    by_article = sold.groupby(["month", "sku"], as_index=False)["quantity"].sum().sort_values("quantity", kind="stable")
    months["best"] = by_article.groupby("month")["sku"].last()
    customers = sold.groupby("customer", as_index=False).agg(orders=("sku", "size"), cents=("cents", "sum"))
    return _PAGE.render(
        months=months.join(by_category).reset_index().to_dict("records"),
        categories=list(by_category.columns),
        customers=customers.sort_values(["cents", "customer"]).tail(_BEST_CUSTOMERS)[::-1].to_dict("records"),
    )
