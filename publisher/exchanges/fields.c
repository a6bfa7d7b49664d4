#include "publisher/exchanges/fields.h"

#include <stdio.h>

void bc_reader_open(struct bc_reader *r, const char *bytes, size_t n, void *self)
{
	bc_cursor_open(&r->j, bytes, n);
	r->self = self;
	bc_reader_next(r);
}

void bc_reader_next(struct bc_reader *r)
{
	r->refused = false;
	r->flags = 0;
	r->n_scratch = 0;
}

/* ------------------------------------------------------------------ refusing */

void bc_reader_refuse(struct bc_reader *r, bc_status why, bc_str what, bc_str value)
{
	if (r->refused)
		return;
	r->refused = true;
	r->problem = (struct bc_reject){ .why = why, .what = what, .value = value };
	/* A value whose escapes were resolved does not stand in the input. */
	if (value.n == 0 || (uintptr_t)value.p < (uintptr_t)r->j.start ||
	    (uintptr_t)value.p > (uintptr_t)r->j.end)
		value.p = r->j.p;
	r->problem.offset = (size_t)(value.p - r->j.start);
}

void bc_reader_refuse_words(struct bc_reader *r, const char *first, const char *second)
{
	char *out = r->scratch + r->n_scratch;
	size_t room = sizeof r->scratch - r->n_scratch;
	int n = snprintf(out, room, "%s%s", first, second);

	if (n < 0 || (size_t)n >= room) {
		bc_reader_refuse(r, BC_EPARSE, bc_str_of(first), (bc_str){ NULL, 0 });
		return;
	}
	r->n_scratch += (size_t)n;
	bc_reader_refuse(r, BC_EPARSE, (bc_str){ out, (size_t)n }, (bc_str){ NULL, 0 });
}

bc_status bc_reader_reject(struct bc_reader *r, bc_str symbol, const struct bc_feed_sink *sink)
{
	r->problem.symbol = symbol;
	sink->reject(sink->self, &r->problem);
	return r->problem.why;
}

bc_status bc_reader_reject_text(struct bc_reader *r, const struct bc_feed_sink *sink)
{
	const char *error = r->j.error != NULL ? r->j.error : "";
	size_t at = r->j.error_at;

	bc_reader_next(r);
	bc_reader_refuse_words(r, "not JSON: ", error);
	r->problem.offset = at;
	r->problem.value = (bc_str){ r->j.start + at, (size_t)(r->j.end - r->j.start) - at };
	return bc_reader_reject(r, (bc_str){ NULL, 0 }, sink);
}

/* ------------------------------------------------------------------ the table walk */

static bool is_name(const struct bc_json_name *name, bc_str key, bool escaped)
{
	bc_str word = { name->quoted + 1, name->n - 3u };

	if (escaped)
		return bc_cursor_is(key, word);
	return key.n == word.n && key.p[0] == word.p[0] && memcmp(key.p, word.p, word.n) == 0;
}

/* The row of a key: most stand behind the row before, some rows further. */
static size_t find_row(const struct bc_fields *fields, unsigned dialect, size_t next, bc_str key,
		       bool escaped)
{
	if (key.n == 0)
		return fields->n_rows;
	for (size_t i = next; i < fields->n_rows; i++)
		if (is_name(&fields->rows[i].name[dialect], key, escaped))
			return i;
	for (size_t i = 0; i < next; i++)
		if (is_name(&fields->rows[i].name[dialect], key, escaped))
			return i;
	return fields->n_rows;
}

static bool is_required(const struct bc_field *row, unsigned dialect)
{
	return (row->need >> dialect & 1) != 0;
}

/* True: the slot has its value. */
static bool read_row(struct bc_reader *r, const struct bc_field *row, bool required, void *record)
{
	enum bc_json_type type = bc_cursor_peek(&r->j);
	const char *at = r->j.p;
	bc_status status = BC_EPARSE;

	if (row->read == NULL || (type == BC_JSON_NULL && !required))
		return bc_cursor_skip(&r->j, NULL);
	if (type != BC_JSON_NULL)
		status = row->read(r, (char *)record + row->slot);
	if (status == BC_OK)
		return true;
	if (r->j.p == at)
		bc_cursor_skip(&r->j, NULL);
	bc_reader_refuse(r, status, bc_str_of(row->what), (bc_str){ at, (size_t)(r->j.p - at) });
	return true;
}

void bc_fields_read(struct bc_reader *r, const struct bc_fields *fields, unsigned dialect,
		    void *record)
{
	uint64_t seen = 0;
	size_t next = 0;

	for (;;) {
		size_t i = next, near = next + 2 < fields->n_rows ? next + 2 : fields->n_rows;
		while (i < near && !bc_cursor_key_is(&r->j, &fields->rows[i].name[dialect]))
			i++;
		if (i >= near) {
			bc_str key;
			if (!bc_cursor_key(&r->j, &key))
				break;
			i = find_row(fields, dialect, next, key, r->j.escaped);
			if (i == fields->n_rows) {
				bc_cursor_skip(&r->j, NULL);
				continue;
			}
		}
		next = i + 1;
		if ((seen >> i & 1) != 0)
			bc_reader_refuse_words(r, fields->rows[i].what, " comes twice");
		if (read_row(r, &fields->rows[i], is_required(&fields->rows[i], dialect), record))
			seen |= UINT64_C(1) << i;
	}
	if (r->j.error != NULL)
		return;
	for (size_t i = 0; i < fields->n_rows; i++)
		if (is_required(&fields->rows[i], dialect) && (seen >> i & 1) == 0)
			bc_reader_refuse_words(r, fields->rows[i].what, " is missing");
}

/* ------------------------------------------------------------------ text */

bc_status bc_read_message(struct bc_reader *r, void *slot)
{
	bc_str *out = slot;
	char *buffer = r->scratch + r->n_scratch;
	bc_status status = bc_cursor_text(&r->j, buffer, sizeof r->scratch - r->n_scratch, out);

	if (status == BC_EPARSE)
		return status;
	if (out->p == buffer)
		r->n_scratch += out->n;
	return BC_OK;
}

bc_status bc_read_text(struct bc_reader *r, void *slot)
{
	bc_str *out = slot;
	bc_status status = bc_read_message(r, out);

	if (status != BC_OK)
		return status;
	if (out->n == 0)
		return BC_EPARSE;
	return out->n <= BC_TEXT_MAX ? BC_OK : BC_ERANGE;
}

bc_status bc_read_flag(struct bc_reader *r, void *slot)
{
	bool *out = slot;
	enum bc_json_type type = bc_cursor_peek(&r->j);

	if (type != BC_JSON_TRUE && type != BC_JSON_FALSE)
		return BC_EPARSE;
	*out = type == BC_JSON_TRUE;
	return bc_cursor_skip(&r->j, NULL) ? BC_OK : BC_EPARSE;
}

bc_status bc_read_raw(struct bc_reader *r, void *slot)
{
	return bc_cursor_skip(&r->j, slot) ? BC_OK : BC_EPARSE;
}

/* ------------------------------------------------------------------ numbers */

bc_status bc_read_decimal(struct bc_reader *r, void *slot)
{
	bc_decimal *out = slot;
	bc_status status = bc_cursor_decimal(&r->j, out, NULL);

	if (status == BC_OK && out->mantissa < 0)
		return BC_EPARSE;
	return status;
}

bc_status bc_read_positive(struct bc_reader *r, void *slot)
{
	bc_decimal *out = slot;
	bc_status status = bc_cursor_decimal(&r->j, out, NULL);

	if (status == BC_OK && out->mantissa <= 0)
		return BC_EPARSE;
	return status;
}

static bc_status quoted_decimal(struct bc_reader *r, bc_decimal *out)
{
	const char *p = r->j.p;
	bc_str raw;

	if (p < r->j.end && *p == '"') {
		p = bc_json_plain_at(p + 1, r->j.end, out);
		if (p != NULL && *p == '"') {
			r->j.p = p + 1;
			return BC_OK;
		}
	}
	if (!bc_cursor_string(&r->j, &raw))
		return BC_EPARSE;
	return bc_decimal_parse(raw.p, raw.n, out);
}

bc_status bc_read_quoted(struct bc_reader *r, void *slot)
{
	bc_decimal *out = slot;
	bc_status status = quoted_decimal(r, out);

	if (status == BC_OK && out->mantissa < 0)
		return BC_EPARSE;
	return status;
}

bc_status bc_read_quoted_statistic(struct bc_reader *r, void *slot)
{
	bc_decimal *out = slot;
	bc_status status = quoted_decimal(r, out);

	if (status != BC_ERANGE)
		return status;
	*out = BC_DECIMAL_NONE;
	r->flags |= BC_FLAG_RANGE;
	return BC_OK;
}

bc_status bc_read_statistic(struct bc_reader *r, void *slot)
{
	bc_decimal *out = slot;
	bc_status status = bc_cursor_decimal(&r->j, out, NULL);

	if (status != BC_ERANGE)
		return status;
	*out = BC_DECIMAL_NONE;
	r->flags |= BC_FLAG_RANGE;
	return BC_OK;
}

/* Takes at most 16 plain digits, as sequences and times usually are; false: something else. */
static bool plain_number(struct bc_cursor *j, uint64_t *out)
{
	const char *after = bc_json_whole_at(j->p, j->end, out);

	if (after == NULL || (*after != ',' && *after != '}'))
		return false;
	j->p = after;
	return true;
}

/* A whole number however it is spelt: 17732400590950000 or 1.773240059095E16. */
static bc_status whole_number(struct bc_reader *r, int64_t *out)
{
	bc_decimal d;
	bc_status status;
	uint64_t plain;

	if (plain_number(&r->j, &plain)) {
		*out = (int64_t)plain;
		return BC_OK;
	}
	status = bc_cursor_decimal(&r->j, &d, NULL);
	if (status != BC_OK)
		return status;
	if (d.mantissa < 0 || d.exponent < 0)
		return BC_EPARSE;
	return bc_decimal_at(d, 0, out);
}

bc_status bc_read_number(struct bc_reader *r, void *slot)
{
	uint64_t *out = slot;
	int64_t number;
	bc_status status = whole_number(r, &number);

	if (status == BC_OK)
		*out = (uint64_t)number;
	return status;
}

bc_status bc_read_id(struct bc_reader *r, void *slot)
{
	bc_str *out = slot;
	int64_t number;
	char *text = r->scratch + r->n_scratch;
	size_t room = sizeof r->scratch - r->n_scratch;
	bc_status status;
	int n;

	if (bc_cursor_peek(&r->j) == BC_JSON_STRING)
		return bc_read_text(r, slot);
	out->p = r->j.p;
	status = whole_number(r, &number);
	if (status != BC_OK)
		return status;
	out->n = (size_t)(r->j.p - out->p);
	for (size_t i = 0; i < out->n; i++) {
		if (out->p[i] >= '0' && out->p[i] <= '9')
			continue;
		n = snprintf(text, room, "%lld", (long long)number);
		if (n < 0 || (size_t)n >= room)
			return BC_ERANGE;
		*out = (bc_str){ text, (size_t)n };
		r->n_scratch += (size_t)n;
		break;
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ times */

bc_status bc_read_ms(struct bc_reader *r, void *slot)
{
	static const int64_t first_us = 100000000000000; /* as ms it is the year 5138 */
	bc_wall_time *out = slot;
	int64_t t;
	bc_status status = whole_number(r, &t);

	if (status != BC_OK)
		return status;
	int64_t unit = t > first_us ? BC_NS_PER_US : BC_NS_PER_MS;
	if (t > INT64_MAX / unit)
		return BC_ERANGE;
	out->ns = t * unit;
	return BC_OK;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; the year begins in March here, so
 * that the leap day is its last. */
static int64_t days_to(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

bc_status bc_read_utc(struct bc_reader *r, void *slot)
{
	static const char form[] = "0000-00-00T00:00:00";
	static const int64_t limits[6][2] = { { 1970, 2199 }, { 1, 12 }, { 1, 31 },
					      { 0, 23 },      { 0, 59 }, { 0, 59 } };
	bc_wall_time *out = slot;
	int64_t part[6] = { 0 };
	size_t k = 0;
	bc_str raw;

	if (!bc_cursor_string(&r->j, &raw) || raw.n != sizeof form - 1)
		return BC_EPARSE;
	for (size_t i = 0; i < raw.n; i++) {
		unsigned digit = (unsigned char)(raw.p[i] - '0');
		if (form[i] != '0') {
			if (raw.p[i] != form[i])
				return BC_EPARSE;
			k++;
		} else if (digit > 9) {
			return BC_EPARSE;
		} else {
			part[k] = part[k] * 10 + digit;
		}
	}
	for (k = 0; k < 6; k++)
		if (part[k] < limits[k][0] || part[k] > limits[k][1])
			return BC_EPARSE;
	int64_t day = days_to(part[0], part[1], part[2]);
	if (day >= days_to(part[0] + part[1] / 12, part[1] % 12 + 1, 1))
		return BC_EPARSE; /* no such day in that month */
	out->ns = (((day * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * BC_NS_PER_S;
	return BC_OK;
}
