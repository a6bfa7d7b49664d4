/* fields_usual.c - an object read by its table in the order of the table, without a cursor: every
 * key in its place, at most four rows left out, a space at most behind a colon or a comma. */
#include "common/json_scan.h"
#include "publisher/exchanges/fields.h"

static bool pass_scalar(struct bc_scan *s)
{
	bc_str text;
	bool flag;

	if (BC_SCAN_WORD(s, "\""))
		return bc_scan_text(s, &text);
	if (BC_SCAN_WORD(s, "-"))
		return bc_scan_pass_number(s);
	return bc_scan_pass_number(s) || bc_scan_flag(s, &flag) || BC_SCAN_WORD(s, "null");
}

static bool take_number(struct bc_scan *s, bool may_be_negative, bc_decimal *out)
{
	bool negative = may_be_negative && BC_SCAN_WORD(s, "-");

	if (!bc_scan_decimal(s, out))
		return false;
	if (negative)
		out->mantissa = -out->mantissa;
	return true;
}

static bool take_quoted(struct bc_scan *s, bool may_be_negative, bc_decimal *out)
{
	return BC_SCAN_WORD(s, "\"") && take_number(s, may_be_negative, out) &&
	       BC_SCAN_WORD(s, "\"");
}

static bool take_ms(struct bc_scan *s, bc_wall_time *out)
{
	uint64_t ms;

	if (!bc_scan_whole(s, &ms) || ms > INT64_MAX / BC_NS_PER_MS) /* then it is in µs */
		return false;
	out->ns = (int64_t)ms * BC_NS_PER_MS;
	return true;
}

static bool take_text(struct bc_scan *s, bc_str *out)
{
	return BC_SCAN_WORD(s, "\"") && bc_scan_text(s, out) && out->n > 0;
}

static bool take_value(struct bc_scan *s, const struct bc_field *row, void *slot)
{
	bc_field_read *read = row->read;

	if (read == NULL)
		return pass_scalar(s);
	if (read == bc_read_statistic || read == bc_read_decimal)
		return take_number(s, read == bc_read_statistic, slot);
	if (read == bc_read_quoted_statistic || read == bc_read_quoted)
		return take_quoted(s, read == bc_read_quoted_statistic, slot);
	if (read == bc_read_ms)
		return take_ms(s, slot);
	return read == bc_read_text && take_text(s, slot);
}

bool bc_fields_usual(struct bc_scan *s, const struct bc_fields *fields, unsigned dialect,
		     size_t first, void *record)
{
	uint64_t seen = 0;
	size_t next = first;

	while (BC_SCAN_WORD(s, ",")) {
		size_t near = next + 5 < fields->n_rows ? next + 5 : fields->n_rows;
		const char *behind = NULL;

		(void)BC_SCAN_WORD(s, " ");
		bc_scan_room(s);
		for (; next < near && behind == NULL; next++)
			behind = bc_json_name_at(s->p, s->end, &fields->rows[next].name[dialect]);
		if (behind == NULL)
			return false;
		s->p = behind;
		(void)BC_SCAN_WORD(s, " ");
		if (!take_value(s, &fields->rows[next - 1],
				(char *)record + fields->rows[next - 1].slot))
			return false;
		seen |= UINT64_C(1) << (next - 1);
	}
	for (size_t i = first; i < fields->n_rows; i++)
		if ((fields->rows[i].need >> dialect & 1) != 0 && (seen >> i & 1) == 0)
			return false;
	return BC_SCAN_WORD(s, "}");
}
