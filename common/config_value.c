/* Text to values: one checker a type. */
#include "common/config_inside.h"

#include "common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* On failure the checker writes what would be right into why[WHY_MAX]. */
#define WHY_MAX 256

static bool check_text(const struct bc_key_row *row, const char *text, int64_t *out, char *why)
{
	(void)row;
	(void)out;
	bool clean = bc_utf8_valid(text, strlen(text));
	for (const char *p = text; *p; p++)
		clean = clean && (unsigned char)*p >= ' ' && *p != 0x7f;
	if (!clean)
		snprintf(why, WHY_MAX, "must be UTF-8 without control characters");
	return clean;
}

static bool check_word(const struct bc_key_row *row, const char *text, int64_t *out, char *why)
{
	char list[128];
	const char *words[16];
	size_t n = 0;
	snprintf(list, sizeof list, "%s", row->unit);
	for (char *at = list, *word; n < 16 && (word = strsep(&at, "|")) != NULL; n++) {
		words[n] = word;
		if (strcmp(word, text) == 0) {
			*out = (int64_t)n;
			return true;
		}
	}
	const char *near = bc_text_nearest(text, words, n);
	snprintf(why, WHY_MAX, "must be one of %s%s%s%s", row->unit, near ? "; did you mean " : "",
		 near ? near : "", near ? "?" : "");
	return false;
}

static bool check_bounds(const struct bc_key_row *row, int64_t value, char *why)
{
	char bounds[BC_BOUNDS_MAX];
	if ((row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max))
		return true;
	bc_key_bounds(row, bounds);
	snprintf(why, WHY_MAX, "must be %s%s%s", bounds, row->type == BC_TYPE_INT ? " " : "",
		 row->type == BC_TYPE_INT ? row->unit : "");
	return false;
}

static bool check_int(const struct bc_key_row *row, const char *text, int64_t *out, char *why)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	size_t n = strspn(digits, "0123456789");
	if (n == 0 || digits[n] != '\0' || (n > 1 && digits[0] == '0')) {
		snprintf(why, WHY_MAX, "must be a whole number in decimal digits, such as %s",
			 row->fallback != NULL && row->fallback[0] != '0' ? row->fallback : "100");
		return false;
	}
	*out = n > 18 ? (text[0] == '-' ? INT64_MIN : INT64_MAX) : strtoll(text, NULL, 10);
	return check_bounds(row, *out, why);
}

static bool check_bool(const struct bc_key_row *row, const char *text, int64_t *out, char *why)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
	(void)row;
	for (int i = 0; i < 6; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2;
			return true;
		}
	snprintf(why, WHY_MAX, "must be true or false");
	return false;
}

static bool check_duration(const struct bc_key_row *row, const char *text, int64_t *out, char *why)
{
	switch (bc_duration_parse(bc_str_of(text), out)) {
	case BC_OK:
		return check_bounds(row, *out, why);
	case BC_ERANGE:
		snprintf(why, WHY_MAX, "must be whole nanoseconds, at most some 290 years");
		return false;
	default:
		break;
	}
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
		snprintf(why, WHY_MAX, "needs a unit: %ss or %sms?", text, text);
	else
		snprintf(why, WHY_MAX,
			 "must be a time with its unit, such as 500ms, 5s, 10m or 1h");
	return false;
}

static bool (*const checkers[])(const struct bc_key_row *row, const char *text, int64_t *out,
				char *why) = {
	[BC_TYPE_TEXT] = check_text,         [BC_TYPE_WORD] = check_word,
	[BC_TYPE_INT] = check_int,           [BC_TYPE_BOOL] = check_bool,
	[BC_TYPE_DURATION] = check_duration, [BC_TYPE_LIST] = check_text,
};

/* ------------------------------------------------------------------ keeping them */

void bc_config_value_clear(struct bc_config_value *v)
{
	for (size_t i = 0; i < v->n_items; i++)
		free(v->items[i]);
	free(v->items);
	free(v->lines);
	free(v->text);
	*v = (struct bc_config_value){ .origin = BC_FROM_DEFAULT };
}

static void complain_at(struct bc_config *c, enum bc_key key, const char *value, int line,
			const char *why)
{
	char where[BC_WHERE_MAX];
	bc_config_where(c, key, c->values[key].origin, line, where);
	bc_config_error(c, where, bc_keys[key].key, value, "%s", why);
}

static char *copy_or_complain(struct bc_config *c, const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		bc_config_error(c, "", "", NULL, "%s", bc_status_text(BC_ENOMEM));
	return copy;
}

void bc_config_list_start(struct bc_config *c, enum bc_key key, enum bc_origin origin, int line)
{
	bc_config_value_clear(&c->values[key]);
	c->values[key].origin = origin;
	c->values[key].line = line;
}

static bool room_for_item(struct bc_config *c, struct bc_config_value *v)
{
	if ((v->n_items & (v->n_items - 1)) != 0) /* grown at the powers of two */
		return true;
	size_t room = v->n_items ? 2 * v->n_items : 1;
	char **items = realloc(v->items, room * sizeof *items);
	v->items = items != NULL ? items : v->items;
	int *lines = realloc(v->lines, room * sizeof *lines);
	v->lines = lines != NULL ? lines : v->lines;
	if (items == NULL || lines == NULL)
		bc_config_error(c, "", "", NULL, "%s", bc_status_text(BC_ENOMEM));
	return items != NULL && lines != NULL;
}

void bc_config_list_add(struct bc_config *c, enum bc_key key, int line, const char *item)
{
	struct bc_config_value *v = &c->values[key];
	char why[WHY_MAX];
	if (item[0] == '\0')
		return complain_at(c, key, item, line, "an item of the list is empty");
	if (v->n_items == BC_CONFIG_ITEMS_MAX)
		return complain_at(c, key, item, line, "more than 10000 items");
	for (size_t i = 0; i < v->n_items; i++)
		if (strcmp(v->items[i], item) == 0)
			return complain_at(c, key, item, line, "is in the list twice");
	if (!check_text(&bc_keys[key], item, NULL, why))
		return complain_at(c, key, item, line, why);
	char *copy = room_for_item(c, v) ? copy_or_complain(c, item) : NULL;
	if (copy == NULL)
		return;
	v->items[v->n_items] = copy;
	v->lines[v->n_items++] = line;
}

static void split_list(struct bc_config *c, enum bc_key key, int line, const char *text)
{
	char *copy = copy_or_complain(c, text);
	char *at = copy, *item;
	if (copy != NULL && copy[strspn(copy, " ")] != '\0')
		while ((item = strsep(&at, ",")) != NULL) {
			item += strspn(item, " ");
			size_t n = strlen(item);
			while (n > 0 && item[n - 1] == ' ')
				item[--n] = '\0';
			bc_config_list_add(c, key, line, item);
		}
	free(copy);
}

void bc_config_set(struct bc_config *c, enum bc_key key, enum bc_origin origin, int line,
		   const char *text)
{
	const struct bc_key_row *row = &bc_keys[key];
	struct bc_config_value *v = &c->values[key];
	char why[WHY_MAX];
	if (row->type == BC_TYPE_LIST) {
		bool more = origin == BC_FROM_FLAG && v->origin == BC_FROM_FLAG; /* given again */
		if (!more)
			bc_config_list_start(c, key, origin, line);
		split_list(c, key, line, text);
		return;
	}
	bc_config_value_clear(v);
	v->origin = origin;
	v->line = line;
	if (!checkers[row->type](row, text, &v->number, why))
		complain_at(c, key, text, line, why);
	v->text = copy_or_complain(c, text);
}
