import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="17 January 2021, claim by claim")

with app.setup:
    import altair as alt
    import marimo as mo
    import polars as pl

    import perpmill

    VERDICTS = {"supported": "success", "contradicted": "danger", "no data": "neutral"}
    # Days go into charts as text: as a time they would be shifted into the zone of the browser.
    DAY = alt.X("date:O", title="UTC day", axis=alt.Axis(labelAngle=-45))
    BELOW = alt.Legend(orient="bottom", columns=5)
    # Billions are written B, not G.
    DOLLARS = alt.Axis(labelExpr="replace(format(datum.value, '~s'), 'G', 'B')")


@app.function
def unknown(frame: pl.DataFrame, column: str, x: alt.X = DAY) -> alt.Chart:
    """A grey band where `column` is not known: that is no bar of height 0."""
    return (
        alt.Chart(frame.filter(pl.col(column).is_null()).with_columns(not_known=pl.lit(column)))
        .mark_rect(color="#9aa0a6", opacity=0.35)
        .encode(x=x, tooltip=["not_known:N"])
    )


@app.function
def mark(values: dict[str, float], title: str = "") -> alt.LayerChart:
    """A line at each value that the article names, with its words beside it."""
    lines = pl.DataFrame({"what": list(values), "at": list(values.values())})
    base = alt.Chart(lines).encode(y=alt.Y("at:Q", title=title))
    return base.mark_rule(strokeDash=[5, 4], color="#b3261e") + base.mark_text(
        align="left", x=alt.ExprRef("width + 4"), color="#b3261e"
    ).encode(text="what:N")


@app.function
def told(claims: pl.DataFrame, *numbers: int) -> mo.Html:
    """What the build says of these claims: verdict, number, and how complete it is."""
    boxes = []
    for row in claims.filter(pl.col("claim_number").is_in(numbers)).iter_rows(named=True):
        text = "**{claim_number} · {claim}:** {verdict}\n\n{value}".format(**row)
        if row["sources"]:
            known = row["completeness"] or "not known"
            text += f"\n\n*{row['sources']}; completeness: {known}*"
        boxes.append(mo.callout(mo.md(text), kind=VERDICTS[row["verdict"]]))
    return mo.vstack(boxes)


@app.cell
def _():
    arguments = mo.cli_args().to_dict()
    return (arguments,)


@app.cell
def _(arguments):
    # One connection: every number below is of one build, whatever is published meanwhile.
    connection = perpmill.connect(arguments.get("config"), lake=arguments.get("lake"))

    def ask(text: str) -> pl.DataFrame:
        return perpmill.query(text, connection=connection)

    claims = ask("@article_2021_01_17")
    return ask, claims, connection


@app.cell
def _(ask, claims):
    _run = ask("SELECT run_id, code_version, verdict FROM runs ORDER BY run_id DESC LIMIT 1")
    _of = (
        "build of run `{run_id}` (code `{code_version}`, the gate said *{verdict}*)".format(
            **_run.row(0, named=True)
        )
        if _run.height
        else "a build that names no run"
    )
    counts = {verdict: claims["verdict"].to_list().count(verdict) for verdict in VERDICTS}
    mo.md(f"""
    # 17 January 2021, claim by claim

    An article of that day said: over night about half a billion dollars of futures were
    liquidated, mostly longs; funding stood at seven times its typical rate; and as open interest
    had not fallen, another long squeeze was possible. Which of its claims do published tables bear
    out?

    This reads the {_of}. Of 14 claims **{counts["supported"]} are supported,
    {counts["contradicted"]} contradicted**, and of **{counts["no data"]} there is no data**. On a
    simulated lake (`make demo`) that says the mill computes what it should; it says something about
    the article only on the exchanges' own files.

    *No data* is not *no*. Nothing here is filled: a day that is not known is grey in the charts.
    A liquidation feed that is throttled, partial or undocumented gives a lower bound, and a lower
    bound that stays below a claimed amount does not contradict it.
    """)
    return (counts,)


@app.cell
def _(claims):
    mo.ui.table(
        claims.drop("sources").rename({"claim_number": "#"}),
        selection=None,
        pagination=False,
        show_column_summaries=False,
        show_data_types=False,
        wrapped_columns=["claim", "value"],
        column_widths={"#": 50, "claim": 300, "value": 300, "verdict": 110},
        style_cell=lambda _row, column, value: (
            {"fontWeight": "bold", "opacity": 0.5 if value == "no data" else 1.0}
            if column == "verdict"
            else {}
        ),
    )
    return


@app.cell
def _(claims):
    mo.vstack(
        [
            mo.md("""
            ## Liquidations

            The first claim is about 24 hours, not about a calendar day, so it is held against the
            largest rolling 24 hours that ended on the 17th, from single events of all venues and
            assets. It holds within ± 25 %.
            """),
            told(claims, 1, 2, 3),
        ]
    )
    return


@app.cell
def _(ask):
    liquidations = ask("""
        SELECT d::DATE::VARCHAR AS date, liquidations_long_usd AS long,
            liquidations_short_usd AS short,
            liquidations_total_usd AS total, liquidations_max_24h_usd AS largest_24h,
            coalesce(liquidations_completeness, 'not known') AS completeness
        FROM range(TIMESTAMP '2021-01-10', TIMESTAMP '2021-01-18', INTERVAL 1 DAY) AS days(d)
        LEFT JOIN market_total_daily ON date = d::DATE ORDER BY d""")
    _sides = liquidations.unpivot(
        ["long", "short"], index=["date", "completeness"], variable_name="side", value_name="usd"
    )
    _bars = (
        alt.Chart(_sides.drop_nulls("usd"))
        .mark_bar(width={"band": 0.8})
        .encode(
            x=DAY,
            y=alt.Y("usd:Q", title="US dollars of positions", axis=DOLLARS),
            color=alt.Color("side:N", title=None, legend=BELOW),
            tooltip=["date:O", "side:N", alt.Tooltip("usd:Q", format=",.0f"), "completeness:N"],
        )
    )
    _points = (
        alt.Chart(liquidations.drop_nulls("largest_24h"))
        .mark_tick(thickness=3, color="#5f6368")
        .encode(x=DAY, y="largest_24h:Q", tooltip=[alt.Tooltip("largest_24h:Q", format=",.0f")])
    )
    (
        unknown(liquidations, "total")
        + _bars
        + _points
        + mark({"1: about $500M": 500e6, "3: about $1B": 1e9}, "US dollars of positions")
    ).properties(
        width=600, height=260, title="Liquidated by day; grey ticks: largest 24 hours ending on it"
    )
    return (liquidations,)


@app.cell
def _(ask):
    hourly = ask("""
        SELECT strftime(h, '%d. %H:00') AS hour, venue, sum(long_usd ORDER BY symbol) AS usd,
            count(venue) - count(long_usd) AS without_a_price
        FROM range(TIMESTAMP '2021-01-16', TIMESTAMP '2021-01-18', INTERVAL 1 HOUR) AS hours(h)
        LEFT JOIN liquidations_hourly ON hour = h
        GROUP BY ALL ORDER BY ALL""")
    _hour = alt.X("hour:O", title="hour of January 2021, UTC", axis=alt.Axis(labelOverlap=True))
    (
        unknown(hourly, "venue", _hour)
        + alt.Chart(hourly.drop_nulls("usd"))
        .mark_bar()
        .encode(
            x=_hour,
            y=alt.Y("usd:Q", title="US dollars", axis=DOLLARS),
            color=alt.Color("venue:N", title=None, legend=BELOW),
            tooltip=[
                "hour:O",
                "venue:N",
                alt.Tooltip("usd:Q", format=",.0f"),
                alt.Tooltip("without_a_price:Q", title="instruments without an amount"),
            ],
        )
    ).properties(
        width=600, height=200, title="Longs liquidated by hour; grey: no feed of any venue"
    )
    return (hourly,)


@app.cell
def _(claims):
    mo.vstack(
        [
            mo.md("""
            ## Price

            Days have a highest and a lowest price, and do not say which came first: that the fall
            followed the rise is the article's word.
            """),
            told(claims, 4, 5, 6),
        ]
    )
    return


@app.cell
def _(ask):
    _prices = ask("""
        SELECT d::DATE::VARCHAR AS date, price_low AS low, price_high AS high, price_close AS close
        FROM range(TIMESTAMP '2021-01-10', TIMESTAMP '2021-01-18', INTERVAL 1 DAY) AS days(d)
        LEFT JOIN market_daily ON date = d::DATE AND base_asset = 'BTC' ORDER BY d""")
    _dollars = alt.Y("low:Q", title="US dollars per coin", scale=alt.Scale(zero=False))
    _base = alt.Chart(_prices.drop_nulls("low")).encode(x=DAY)
    (
        unknown(_prices, "low")
        + _base.mark_bar(width=8).encode(y=_dollars, y2="high:Q", tooltip=["low:Q", "high:Q"])
        + _base.mark_tick(color="#5f6368").encode(y="close:Q")
        + mark({"4": 35_500, "5: almost": 38_000, "6: below": 34_000}, "US dollars per coin")
    ).properties(
        width=600, height=260, title="Bitcoin, lowest to highest of the day; grey ticks: the close"
    )
    return


@app.cell
def _(claims):
    mo.vstack(
        [
            mo.md("""
            ## Funding

            Rates are fractions per 8 hours: 0.0007 is 0.07 %, or 7 basis points. "Near 0.07 %" is a
            settlement and not the mean of a day, so each venue's highest settlement of the 16th and
            17th is what counts, and the median over venues. "Typical" is a median over a year and
            needs at least 90 days. A perpetual that is not drawn has no funding here.
            """),
            told(claims, 7, 8),
        ]
    )
    return


@app.cell
def _(ask):
    funding = ask("""
        SELECT date::VARCHAR AS date, venue || ' ' || symbol AS perpetual,
            funding_rate_max * 8 / interval_hours AS highest_8h, funding_rate_8h AS day_8h,
            settlement_count, expected_settlement_count
        FROM funding_daily
        WHERE base_asset = 'BTC' AND contract_kind = 'perpetual'
            AND date BETWEEN '2021-01-16' AND '2021-01-17'
        ORDER BY date, perpetual""")
    _rate = alt.Y("highest_8h:Q", title="fraction per 8 h")
    _points = (
        alt.Chart(funding)
        .mark_point(size=90, filled=True)
        .encode(
            x=DAY,
            xOffset="perpetual:N",
            y=_rate,
            color=alt.Color("perpetual:N", title=None, legend=BELOW),
            tooltip=["perpetual:N", "highest_8h:Q", "day_8h:Q", "settlement_count:Q"],
        )
    )
    (_points + mark({"7: near": 0.0007, "8: typical": 0.0001}, "fraction per 8 h")).properties(
        width=600, height=240, title="Bitcoin: highest settlement of the day, brought to 8 h"
    )
    return (funding,)


@app.cell
def _(claims):
    mo.vstack(
        [
            mo.md("""
            ## Open interest, and what could still follow

            Open interest is counted in coin, where a falling price alone is no change. It "had not
            fallen" if it fell by less than it usually moves in a day. The squeeze risk is
            perpmill's own open formula (docs/metrics/squeeze-risk.md), not the article's judgement.
            """),
            told(claims, 9, 10, 13),
        ]
    )
    return


@app.cell
def _(ask):
    market = ask("""
        SELECT d::DATE::VARCHAR AS date, open_interest_change_pct AS change,
            long_short_account_ratio AS accounts, leverage_ratio AS leverage
        FROM range(TIMESTAMP '2021-01-10', TIMESTAMP '2021-01-18', INTERVAL 1 DAY) AS days(d)
        LEFT JOIN market_daily ON date = d::DATE AND base_asset = 'BTC' ORDER BY d""")
    (
        unknown(market, "change")
        + alt.Chart(market.drop_nulls("change"))
        .mark_bar(width={"band": 0.8})
        .encode(
            x=DAY,
            y=alt.Y("change:Q", title="change on the day", axis=alt.Axis(format="+.0%")),
            tooltip=["date:O", alt.Tooltip("change:Q", format="+.4f")],
        )
    ).properties(width=600, height=180, title="Bitcoin: open interest in coin, day on day")
    return (market,)


@app.cell
def _(ask):
    _venues = ask("""
        SELECT venue, open_interest_usd AS usd, share_fraction
        FROM open_interest_share(DATE '2021-01-17') WHERE base_asset = 'BTC' ORDER BY venue""")
    (
        alt.Chart(_venues.drop_nulls("usd"))
        .mark_bar()
        .encode(
            x=alt.X("usd:Q", title="US dollars, one-sided", axis=DOLLARS),
            y=alt.Y("venue:N", sort="-x", title=None),
            tooltip=["venue:N", alt.Tooltip("usd:Q", format=",.0f"), "share_fraction:Q"],
        )
        .properties(
            width=600,
            title="Bitcoin: open interest at the end of the 17th, of the venues that are known",
        )
    )
    return


@app.cell
def _(claims):
    mo.vstack(
        [
            mo.md("""
            ## Positioning, leverage, and the chain

            The long/short ratio is of accounts. Leverage is open interest in coin against the coins
            that exchanges hold, and those come from an aggregator (CryptoQuant): without its dump
            claims 12 and 14 have no data.
            """),
            told(claims, 11, 12, 14),
        ]
    )
    return


@app.cell
def _(market):
    def _line(column: str, title: str) -> alt.LayerChart:
        return (
            unknown(market, column)
            # A point per day: where one is not known the line is broken.
            + alt.Chart(market)
            .mark_line(point=True, invalid="break-paths-show-domains")
            .encode(
                x=DAY,
                y=alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=False)),
                tooltip=["date:O", f"{column}:Q"],
            )
        ).properties(width=290, height=170, title=title)

    (
        _line("accounts", "Accounts long per account short")
        | _line("leverage", "Open interest ÷ coins on exchanges")
    )
    return


@app.cell
def _():
    mo.md("""
    ## What this does not say

    - Only venues whose files are in the lake are counted. An amount "across the market" is that of
      the venues named under each verdict.
    - The thresholds of the verdicts stand in the query: `perpmill queries article_2021_01_17`.
    - That one thing caused another. The tables have amounts and times.
    """)
    return


@app.cell
def _(claims):
    if mo.app_meta().mode == "script":
        with pl.Config(tbl_rows=-1, tbl_hide_column_data_types=True, fmt_str_lengths=70):
            print(claims.select("claim_number", "claim", "verdict"))
    return


if __name__ == "__main__":
    app.run()
