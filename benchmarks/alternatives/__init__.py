"""What a user would otherwise keep: one standalone script per library, same numbers as the mill's.

Each reads the exchange's archive folder as it was downloaded and gives two frames:

    open_interest_daily  date, symbol, sample_count, open_interest_coin_close,
                         open_interest_coin_mean, open_interest_usd_close
    funding_daily        date, symbol, settlement_count, funding_rate_sum

None of them verifies a checksum, keeps raw bytes, records where a number came from or has a gate.
What they have to know of the files they know: samples count at their label, floored to the 5-minute
grid; an open interest of 0 was not reported; rows may be doubled; a settlement is stamped some
milliseconds late; 1000PEPEUSDT is counted in thousands.
"""
