/* How long Retry-After asks us to wait. */
#include "publisher/http_header.h"

#include <criterion/criterion.h>

/* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110. */
#define NOW_S INT64_C(784111777)

Test(http_header, retry_after)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "7", 7 },
		{ " 120 ", 120 },
		{ "0", 0 },
		{ "604800", 604800 },
		{ "604801", 604800 },
		{ "99999999999999999999", 604800 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT", 10 },
		{ "Sunday, 06-Nov-94 08:49:47 GMT", 10 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:27 GMT", 0 },
		{ "Sun, 06 Nov 2094 08:49:27 GMT", 604800 },
		{ "", 0 },
		{ "-5", 0 },
		{ "1.5", 0 },
		{ "5s", 0 },
		{ "soon", 0 },
		{ "not a date", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int64_t got =
			bc_http_retry_after(rows[i].text, (bc_wall_time){ NOW_S * BC_NS_PER_S });
		cr_expect_eq(got, rows[i].seconds * BC_NS_PER_S, "'%s': %ld", rows[i].text, got);
	}
}

Test(http_header, date)
{
	bc_wall_time at = { 0 };
	cr_expect_eq(bc_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &at), BC_OK);
	cr_expect_eq(at.ns, NOW_S * BC_NS_PER_S);
	cr_expect_eq(bc_http_date("19941106", &at), BC_EPARSE);
	cr_expect_eq(bc_http_date("never ever", &at), BC_EPARSE);
	cr_expect_eq(bc_http_date("", &at), BC_EPARSE);
	cr_expect_eq(at.ns, NOW_S * BC_NS_PER_S);
}

Test(http_header, count)
{
	static const struct {
		const char *text;
		int64_t n;
	} rows[] = {
		{ "0", 0 },
		{ "3120", 3120 },
		{ " 57\t", 57 },
		{ "1000000000000", 1000000000000 },
		{ "", -1 },
		{ "-1", -1 },
		{ "12x", -1 },
		{ "1000000000001", -1 },
		{ "1.5", -1 },
		{ "many", -1 },
		{ "99999999999999999999999", -1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(bc_http_count(rows[i].text), rows[i].n, "'%s'", rows[i].text);
}
