import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Funding carry")

with app.setup:
    from datetime import date, timedelta

    import altair as alt
    import marimo as mo
    import polars as pl

    import perpmill

    # Days go into charts as text: as a time they would be shifted into the zone of the browser.
    DAY = alt.X("date:O", title="UTC day", axis=alt.Axis(labelOverlap=True, labelAngle=-45))
    BELOW = alt.Legend(orient="bottom", columns=4, labelLimit=0)
    # What is known of a perpetual's funding on a day, and how it is drawn.
    WHOLE, FEWER, UNJUDGED = "all settlements", "settlements missing", "cannot be judged"
    MISSING, UNLISTED = "day missing", "not listed"
    COLOURS = {
        WHOLE: "#188038",
        UNJUDGED: "#a8dab5",
        FEWER: "#f9ab00",
        MISSING: "#b3261e",
        UNLISTED: "#e8eaed",
    }


@app.function
def by_day(funding: pl.DataFrame, listings: pl.DataFrame, start: date, stop: date) -> pl.DataFrame:
    """Every day of every perpetual, known or not.

    funding: rows of `funding_daily` of one asset. listings: of `instruments`; a perpetual that is
    only there is one whose funding is not known at all, and one that was not listed on any of the
    days is left out.
    `received` is what a short perpetual received on the day (fraction of the position); NULL where
    the day is not known. `state` says what is known of it. `total` is the sum of the days known so
    far; NULL on a day that is not known.
    """
    perpetual = pl.concat_str("venue", "symbol", separator=" ").alias("perpetual")
    of = ["perpetual", "venue", "margin_type"]
    rows = funding.filter(contract_kind="perpetual").with_columns(perpetual)
    listed = listings.filter(contract_kind="perpetual").with_columns(perpetual)
    # A ticker that was used again has several listings; one without a date has an open end.
    spans = listed.group_by("perpetual").agg(
        since=pl.when(~pl.col("valid_from").has_nulls()).then(pl.col("valid_from").min().dt.date()),
        until=pl.when(~pl.col("valid_to").has_nulls()).then(pl.col("valid_to").max().dt.date()),
    )
    day, settled = pl.col("date"), pl.col("settlement_count")
    due = pl.col("expected_settlement_count")
    return (
        pl.concat([rows.select(of), listed.select(of)])
        .unique("perpetual", keep="first", maintain_order=True)
        .join(pl.DataFrame({"date": pl.date_range(start, stop, eager=True)}), how="cross")
        .join(
            rows.select(
                "date",
                "perpetual",
                "settlement_count",
                "expected_settlement_count",
                received="funding_rate_sum",
            ),
            on=["date", "perpetual"],
            how="left",
        )
        .join(spans, on="perpetual", how="left")
        .with_columns(
            state=pl.when(settled.is_null())
            .then(
                pl.when((day < pl.col("since")) | (day > pl.col("until")))
                .then(pl.lit(UNLISTED))
                .otherwise(pl.lit(MISSING))
            )
            .when(due.is_null())
            .then(pl.lit(UNJUDGED))
            .when(settled < due)
            .then(pl.lit(FEWER))
            .otherwise(pl.lit(WHOLE)),
            missing_settlements=(due - settled).clip(0),
        )
        .filter((pl.col("state") != UNLISTED).any().over("perpetual"))
        .sort("perpetual", "date")
        .with_columns(total=pl.col("received").cum_sum().over("perpetual"))
        .drop("since", "until")
    )


@app.function
def earned(days: pl.DataFrame, cost: float) -> pl.DataFrame:
    """What each perpetual's short received over the days of it that are known.

    days: of `by_day`. cost: fraction of the position, once for getting in and out on both legs.
    `annualised` is simple, × 365 ÷ days known, as `carry` in the build has it; `net_annualised` is
    of the sum less the cost. `break_even_days` is how long the mean day takes to pay for the cost;
    NULL where it never does.
    """
    known = pl.col("received").is_not_null()
    per_day = pl.col("received_fraction") / pl.col("days_known")
    return (
        days.sort("perpetual", "date")
        .group_by("perpetual", "venue", "margin_type")
        # A sum in the order of the days: floats, and the same on any number of threads.
        .agg(
            received_fraction=pl.col("received").drop_nulls().implode().list.sum().first(),
            worst_day=pl.col("received").min(),
            days_known=known.sum().cast(pl.Int64),
            days_missing=(pl.col("state") == MISSING).sum().cast(pl.Int64),
            days_not_listed=(pl.col("state") == UNLISTED).sum().cast(pl.Int64),
            days_not_judged=(pl.col("state") == UNJUDGED).sum().cast(pl.Int64),
            settlements_missing=pl.col("missing_settlements").drop_nulls().sum(),
        )
        .with_columns(
            # No day known is no sum, not a sum of 0.
            received_fraction=pl.when(pl.col("days_known") > 0).then("received_fraction"),
        )
        .with_columns(
            annualised=per_day * 365,
            net_fraction=pl.col("received_fraction") - cost,
            net_annualised=(pl.col("received_fraction") - cost) / pl.col("days_known") * 365,
            break_even_days=pl.when(per_day > 0).then(cost / per_day),
        )
        .sort("annualised", "perpetual", descending=[True, False], nulls_last=True)
    )


@app.function
def on_common_days(days: pl.DataFrame, perpetuals: list[str]) -> pl.DataFrame:
    """Only the days on which each of these perpetuals is known: those on which they compare."""
    chosen = days.filter(pl.col("perpetual").is_in(perpetuals))
    return chosen.filter(pl.col("received").is_not_null().all().over("date"))


@app.cell
def _():
    arguments = mo.cli_args().to_dict()
    return (arguments,)


@app.cell
def _(arguments):
    lake = {name: arguments[name] for name in ("config", "lake") if name in arguments}
    with perpmill.connect(**lake) as _connection:
        _newest = _connection.execute("SELECT max(run_id) FROM runs").fetchone()
        # All that follows is of this build, whatever is published meanwhile.
        run = _newest[0] if _newest else None
        assets = perpmill.query(
            """SELECT base_asset, count(DISTINCT venue) AS venues, min(date) AS first_day,
                max(date) AS last_day
            FROM funding_daily WHERE contract_kind = 'perpetual'
            GROUP BY base_asset ORDER BY venues DESC, base_asset""",
            connection=_connection,
        )
    if assets.is_empty():
        raise LookupError("this build has no funding of any perpetual")
    return assets, lake, run


@app.cell
def _(arguments, assets):
    _known = assets["base_asset"].to_list()
    _asked = str(arguments.get("asset", "BTC" if "BTC" in _known else _known[0]))
    if _asked not in _known:
        raise LookupError(f"no perpetual of {_asked}; there are {', '.join(sorted(_known))}")
    asset = mo.ui.dropdown(sorted(_known), value=_asked, label="asset")
    cost_bps = mo.ui.number(
        start=0,
        stop=1000,
        step=1,
        value=float(arguments.get("cost-bps", 20)),
        label="cost of getting in and out of both legs, basis points of the position",
    )
    return asset, cost_bps


@app.cell
def _(arguments, asset, assets):
    _of = assets.row(by_predicate=pl.col("base_asset") == asset.value, named=True)
    _stop = date.fromisoformat(str(arguments.get("stop", _of["last_day"])))
    _start = date.fromisoformat(
        str(arguments.get("start", max(_of["first_day"], _stop - timedelta(days=89))))
    )
    span = mo.ui.date_range(
        start=min(_start, _of["first_day"]),
        stop=max(_stop, _of["last_day"]),
        value=(_start, _stop),
        label="UTC days, inclusive",
    )
    return (span,)


@app.cell
def _(asset, assets, cost_bps, run, span):
    mo.vstack(
        [
            mo.md(f"""
            # Funding carry

            Spot bought, the same amount of the perpetual sold: the price then moves nothing, and
            what is left is funding. A rate above 0 is paid by longs to shorts, so this position
            receives it; a rate below 0 it pays. Where would it have earned most, and is that known?

            This reads the build of run `{run}`: funding of {assets.height} assets, as settled.
            """),
            mo.hstack([asset, span], justify="start"),
            cost_bps,
        ]
    )
    return


@app.cell
def _(asset, lake, run, span):
    start, stop = span.value
    days = by_day(
        perpmill.read("funding_daily", assets=asset.value, start=start, end=stop, run=run, **lake),
        perpmill.read("instruments", assets=asset.value, run=run, **lake),
        start,
        stop,
    )
    if days.is_empty():
        raise LookupError(f"no perpetual of {asset.value} is known from {start} to {stop}")
    coverage = perpmill.read("coverage_daily", start=start, end=stop, run=run, **lake)
    return coverage, days, start, stop


@app.cell
def _(cost_bps, days):
    cost = cost_bps.value / 1e4
    each = earned(days, cost)
    _known = each.filter(pl.col("days_known") > 0)["perpetual"].to_list()
    chosen = mo.ui.multiselect(sorted(_known), value=sorted(_known), label="compare")
    return chosen, cost, each


@app.cell
def _(chosen, cost, days):
    _common = on_common_days(days, chosen.value)
    common_days = _common["date"].n_unique()
    compared = earned(_common, cost)
    return common_days, compared


@app.cell
def _(asset, each, start, stop):
    _asked = (stop - start).days + 1
    _first = ["perpetual", "received_fraction", "annualised", "net_annualised", "days_known"]
    _first += ["days_missing", "settlements_missing"]
    mo.vstack(
        [
            mo.md(f"""
            ## What each received

            {asset.value}, {start} to {stop}: {_asked} days. `received_fraction` is of the position
            and of the days known only; nothing is filled in for the others. Annualised is × 365 ÷
            days known, simple: it takes the days that are not known to have been like those that
            are, so look at how many they are. `days_not_judged` are days of which it is not known
            how many settlements were due (the first of a perpetual, or a change of its interval).
            """),
            mo.ui.table(
                each.select(*_first, pl.exclude(*_first, "venue")),
                selection=None,
                show_data_types=False,
                pagination=False,
                show_column_summaries=False,
                format_mapping={
                    "received_fraction": "{:+.6f}",
                    "worst_day": "{:+.6f}",
                    "annualised": "{:+.2%}",
                    "net_fraction": "{:+.6f}",
                    "net_annualised": "{:+.2%}",
                    "break_even_days": "{:.1f}",
                },
            ),
        ]
    )
    return


@app.cell
def _(asset, days):
    _drawn = days.with_columns(pl.col("date").cast(pl.String))
    (
        alt.Chart(_drawn)
        .mark_line(point=True, invalid="break-paths-show-domains")
        .encode(
            x=DAY,
            y=alt.Y("total:Q", title="fraction of the position", axis=alt.Axis(format="+.2%")),
            color=alt.Color("perpetual:N", title=None, legend=BELOW),
            tooltip=[
                "date:O",
                "perpetual:N",
                alt.Tooltip("received:Q", title="that day", format="+.6f"),
                alt.Tooltip("total:Q", title="so far, days known", format="+.6f"),
                "state:N",
            ],
        )
        .properties(
            width=600,
            height=280,
            title=f"{asset.value}: received so far by a short; broken where a day is not known",
        )
    )
    return


@app.cell
def _(days):
    (
        alt.Chart(days.with_columns(pl.col("date").cast(pl.String)))
        .mark_rect(stroke="white")
        .encode(
            x=DAY,
            y=alt.Y("perpetual:N", title=None),
            color=alt.Color(
                "state:N",
                title=None,
                legend=BELOW,
                scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
            ),
            tooltip=["date:O", "perpetual:N", "state:N", "missing_settlements:Q"],
        )
        .properties(width=600, title="What is known of each day")
    )
    return


@app.cell
def _(coverage, days):
    not_there = (
        days.filter(pl.col("state").is_in([MISSING, FEWER]))
        .join(
            coverage.filter(dataset="funding_rates").select(
                "date", "venue", venue_day="status", taken_out_because="excluded_because"
            ),
            on=["date", "venue"],
            how="left",
        )
        .select(
            "date", "perpetual", "state", "missing_settlements", "venue_day", "taken_out_because"
        )
        .sort("date", "perpetual")
    )
    mo.vstack(
        [
            mo.md(f"""
            ### Days that were missing: {not_there.height}

            `venue_day` is what the build says of all funding of that venue on that day; nothing
            there: it says nothing. A day that broke a rule of the gate was taken out, and the rule
            is named.
            """),
            mo.ui.table(not_there, selection=None, show_column_summaries=False)
            if not_there.height
            else mo.md("None that is known of."),
        ]
    )
    return (not_there,)


@app.cell
def _(chosen, common_days, compared, days):
    _all = days["date"].n_unique()
    mo.vstack(
        [
            mo.md(f"""
            ## Venues compared

            Only on the **{common_days} of {_all} days** on which each of these
            {len(chosen.value)} perpetuals is known: sums over different days do not compare. Take
            one out that has few days, and there are more.
            """),
            chosen,
            mo.ui.table(
                compared.select(
                    "perpetual",
                    "margin_type",
                    "received_fraction",
                    "annualised",
                    "net_annualised",
                    behind_the_best=pl.col("received_fraction").max() - pl.col("received_fraction"),
                    settlements_missing="settlements_missing",
                ),
                selection=None,
                pagination=False,
                show_column_summaries=False,
                format_mapping={
                    "received_fraction": "{:+.6f}",
                    "annualised": "{:+.2%}",
                    "net_annualised": "{:+.2%}",
                    "behind_the_best": "{:.6f}",
                },
            )
            if common_days
            else mo.md("There is no such day, so no comparison."),
        ]
    )
    return


@app.cell
def _(compared):
    _two = compared.unpivot(
        ["annualised", "net_annualised"],
        index=["perpetual", "venue"],
        variable_name="what",
        value_name="rate",
    ).with_columns(
        pl.col("what").replace({"annualised": "before cost", "net_annualised": "after cost"})
    )
    (
        alt.Chart(_two)
        .mark_bar()
        .encode(
            x=alt.X("rate:Q", title="simple rate for a year", axis=alt.Axis(format="+.0%")),
            y=alt.Y("perpetual:N", title=None),
            yOffset=alt.YOffset("what:N", sort=["before cost", "after cost"]),
            color=alt.Color("what:N", title=None, sort=["before cost", "after cost"]),
            tooltip=["perpetual:N", "what:N", alt.Tooltip("rate:Q", format="+.4%")],
        )
        .properties(width=560, title="Short perpetual against spot, on the common days")
    )
    return


@app.cell
def _(cost):
    mo.md(f"""
    ## What this leaves out

    - **The basis.** The perpetual is not sold and bought back at the price of spot; perpmill has no
      spot prices. Over few days a basis that closes or opens can be more than all funding.
    - **Cost** is the one number above, {cost:.4f} of the position, paid once, however long it is
      held. Fees by tier, slippage that grows with size, and transfers between venues are in it or
      nowhere.
    - **Capital.** Returns are on the position. Margin for the short, which must be topped up as the
      price rises, and interest on borrowed money make the return on capital another number.
    - **Liquidation, auto-deleveraging, limits and failures of a venue.**
    - **The size of each payment.** A settlement is a rate times the position's value at that
      moment. Here rates are added up, as if that value had stayed the same.
    - **Margin in coin.** An inverse perpetual pays funding in coin, and its margin moves with the
      price; a quanto contract is not hedged by any fixed amount of coin.
    - **Hindsight.** The days are past and the perpetuals are those that somebody recorded. That one
      paid most is no forecast that it will.
    """)
    return


@app.cell
def _(compared, each):
    if mo.app_meta().mode == "script":
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160):
            _shown = ["perpetual", "received_fraction", "annualised", "net_annualised"]
            print(each.select(*_shown, "days_known", "days_missing", "settlements_missing"))
            print("On the days on which all are known:")
            print(compared.select(*_shown, "days_known"))
    return


if __name__ == "__main__":
    app.run()
