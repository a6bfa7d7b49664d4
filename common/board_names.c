/* Unified names: from what the instrument topics say to the exchange's own spelling. */
#include "common/board_parts.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 2 * BC_TOPIC_MAX + 1 };

/* exchange '.' unified into out[]; 0: longer than any that can be known. */
static size_t join(bc_str exchange, bc_str unified, char out[NAME_MAX_BYTES])
{
	if (unified.n == 0 || unified.n > BC_TOPIC_MAX || exchange.n > BC_TOPIC_MAX)
		return 0;
	memcpy(out, exchange.p, exchange.n);
	out[exchange.n] = '.';
	memcpy(out + exchange.n + 1, unified.p, unified.n);
	return exchange.n + 1 + unified.n;
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
static struct board_name *find(const struct bc_board *board, const char *text, size_t n)
{
	struct board_name *name = NULL;
	HASH_FIND(hh, board->names, text, n, name);
	return name;
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
void board_name_forget(struct bc_board *board, struct board_entry *e)
{
	if (e->name == NULL)
		return;
	/* Its table holds it. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	HASH_DEL(board->names, e->name);
	free(e->name);
	e->name = NULL;
}

static bool is_listed(const struct board_entry *e)
{
	for (const struct board_line *line = e->lines; line != NULL; line = line->next)
		if (!line->is_unlisted)
			return true;
	return false;
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
void board_name_learn(struct bc_board *board, struct board_entry *e, bc_str unified)
{
	char text[NAME_MAX_BYTES];
	size_t n = join(board_exchange(e), unified, text);
	struct board_name *known = n == 0 ? NULL : find(board, text, n);
	if (known != NULL && known->entry == e)
		return;
	board_name_forget(board, e); /* it is called otherwise now */
	if (n == 0 || (known != NULL && is_listed(known->entry)))
		return;
	if (known != NULL)
		board_name_forget(board, known->entry);
	struct board_name *name = calloc(1, sizeof *name + n);
	if (name == NULL)
		return;
	name->n = n;
	name->entry = e;
	memcpy(name->text, text, n);
	HASH_ADD_KEYPTR(hh, board->names, name->text, n, name);
	if (name->hh.tbl == NULL) /* no memory for the table */
		free(name);
	else
		e->name = name;
}

bc_status bc_board_resolve(struct bc_board *board, bc_str exchange, bc_str name, bc_str *symbol)
{
	char text[NAME_MAX_BYTES];
	for (size_t i = 0; i < bc_gateways_count(board->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(board->gateways, i);
		if (!g->replaced && bc_str_is(exchange, g->exchange) && bc_gateway_lists(g, name)) {
			*symbol = name;
			return BC_OK;
		}
	}
	size_t n = join(exchange, name, text);
	const struct board_name *known = n == 0 ? NULL : find(board, text, n);
	if (known == NULL)
		return BC_ENOTFOUND;
	*symbol = board_symbol(known->entry);
	return BC_OK;
}
