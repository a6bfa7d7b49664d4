/* The file of --config, by libyaml's document API: it keeps the line of every node.
 *
 * Keys may be nested (feed: { silent_after: 5s }) or dotted (feed.silent_after: 5s). Keys of the
 * other programs are checked and left alone, so that one file can serve a machine. */
#include "common/config_inside.h"

#include "common/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#define KEY_MAX 128

struct reader {
	struct bc_config *c;
	yaml_document_t *document;
	char *bytes;
	size_t n_bytes;
	bool *visited; /* by node: an alias leads to one a second time */
	int seen_line[BC_N_KEYS];
};

static int line_of(const yaml_node_t *node)
{
	return (int)node->start_mark.line + 1;
}

static void complain(struct reader *r, int line, const char *key, const char *value,
		     const char *message)
{
	char where[BC_WHERE_MAX];
	bc_config_where(r->c, 0, BC_FROM_FILE, line, where);
	bc_config_error(r->c, where, key, value, "%s", message);
}

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* A node by its number; NULL and a complaint where an alias (in or below `line`) led here again. */
static yaml_node_t *enter(struct reader *r, int number, const char *key, int line)
{
	yaml_node_t *node = yaml_document_get_node(r->document, number);
	if (node != NULL && r->visited[number]) {
		complain(r, line, key, NULL,
			 "anchors and aliases are not understood here; write the value out");
		return NULL;
	}
	r->visited[number] = true;
	if (node != NULL && node->type == YAML_SCALAR_NODE &&
	    strlen(scalar(node)) != node->data.scalar.length) {
		complain(r, line_of(node), key, scalar(node), "holds a NUL byte");
		return NULL;
	}
	return node;
}

/* ------------------------------------------------------------------ keys */

static void unknown_key(struct reader *r, int line, const char *key)
{
	const char *known[BC_N_KEYS];
	size_t n = 0;
	char message[256];
	for (int i = 0; i < BC_N_KEYS; i++)
		if (bc_keys[i].programs & r->c->program)
			known[n++] = bc_keys[i].key;
	const char *near = bc_text_nearest(key, known, n);
	snprintf(message, sizeof message, "no such setting%s%s%s", near ? "; did you mean " : "",
		 near ? near : "", near ? "?" : "; --help lists them");
	complain(r, line, key, NULL, message);
}

static bool is_group(const char *key)
{
	size_t n = strlen(key);
	for (int i = 0; i < BC_N_KEYS; i++)
		if (strncmp(bc_keys[i].key, key, n) == 0 && bc_keys[i].key[n] == '.')
			return true;
	return false;
}

static bool first_time(struct reader *r, int id, int line)
{
	char message[64];
	if (r->seen_line[id] == 0) {
		r->seen_line[id] = line;
		return true;
	}
	snprintf(message, sizeof message, "is there twice; the first is in line %d",
		 r->seen_line[id]);
	complain(r, line, bc_keys[id].key, NULL, message);
	return false;
}

/* ------------------------------------------------------------------ values */

static void read_list(struct reader *r, enum bc_key key, const yaml_node_t *list, int line)
{
	bc_config_list_start(r->c, key, BC_FROM_FILE, line);
	for (yaml_node_item_t *i = list->data.sequence.items.start;
	     i < list->data.sequence.items.top; i++) {
		yaml_node_t *item = enter(r, *i, bc_keys[key].key, line);
		if (item == NULL)
			continue;
		if (item->type != YAML_SCALAR_NODE)
			complain(r, line_of(item), bc_keys[key].key, NULL,
				 "an item must be a text, not a list or a mapping");
		else
			bc_config_list_add(r->c, key, line_of(item), scalar(item));
	}
}

static void read_value(struct reader *r, enum bc_key key, int value, int line)
{
	const struct bc_key_row *row = &bc_keys[key];
	yaml_node_t *node = enter(r, value, row->key, line);
	if (node == NULL || !first_time(r, (int)key, line))
		return;
	if (node->type == YAML_SCALAR_NODE)
		bc_config_set(r->c, key, BC_FROM_FILE, line_of(node), scalar(node));
	else if (node->type == YAML_SEQUENCE_NODE && row->type == BC_TYPE_LIST)
		read_list(r, key, node, line);
	else if (node->type == YAML_SEQUENCE_NODE)
		complain(r, line, row->key, NULL, "takes one value, not a list");
	else
		complain(r, line, row->key, NULL, "takes a value, not a mapping");
}

static void read_mapping(struct reader *r, const yaml_node_t *mapping, const char *prefix)
{
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		char key[KEY_MAX];
		yaml_node_t *name = enter(r, pair->key, prefix, line_of(mapping));
		yaml_node_t *value = yaml_document_get_node(r->document, pair->value);
		if (name == NULL)
			continue;
		if (name->type != YAML_SCALAR_NODE) {
			complain(r, line_of(name), prefix, NULL, "a key must be a plain word");
			continue;
		}
		if (snprintf(key, sizeof key, "%s%s%s", prefix, prefix[0] ? "." : "",
			     scalar(name)) >= KEY_MAX) {
			unknown_key(r, line_of(name), scalar(name));
			continue;
		}
		int id = bc_key_find(key);
		if (value->type == YAML_MAPPING_NODE && is_group(key)) {
			if (enter(r, pair->value, key, line_of(name)) != NULL)
				read_mapping(r, value, key);
		} else if (id >= 0) {
			read_value(r, (enum bc_key)id, pair->value, line_of(name));
		} else if (is_group(key) && value->type == YAML_SCALAR_NODE &&
			   value->data.scalar.length == 0) {
			continue; /* "feed:" with nothing under it */
		} else if (is_group(key)) {
			complain(r, line_of(name), key, NULL,
				 "is a group of settings; write them below it, indented");
		} else {
			unknown_key(r, line_of(name), key);
		}
	}
}

/* ------------------------------------------------------------------ the file */

/* Does the line begin with a tab among its blanks? libyaml's own words for it help nobody. */
static bool tab_in_indentation(const struct reader *r, size_t line)
{
	const char *at = r->bytes, *end = r->bytes + r->n_bytes;
	while (line-- > 0 && at != NULL && at < end) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at != NULL ? at + 1 : end;
	}
	for (; at < end && (*at == ' ' || *at == '\t'); at++)
		if (*at == '\t')
			return true;
	return false;
}

static void complain_of_syntax(struct reader *r, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line;
	char message[256];
	if (parser->error == YAML_READER_ERROR) {
		size_t offset = parser->problem_offset;
		for (size_t i = line = 0; i < offset && i < r->n_bytes; i++)
			line += r->bytes[i] == '\n';
		snprintf(message, sizeof message, "not a text in UTF-8 (%s)", parser->problem);
	} else if (tab_in_indentation(r, line)) {
		snprintf(message, sizeof message,
			 "a tab in the indentation; YAML takes spaces only");
	} else {
		snprintf(message, sizeof message, "not YAML: %s%s%s",
			 parser->problem ? parser->problem : "out of memory",
			 parser->context ? " " : "", parser->context ? parser->context : "");
	}
	complain(r, (int)line + 1, "", NULL, message);
}

static void read_document(struct reader *r)
{
	yaml_node_t *root = yaml_document_get_root_node(r->document);
	size_t n_nodes = (size_t)(r->document->nodes.top - r->document->nodes.start);
	if (root == NULL) /* an empty file sets nothing */
		return;
	r->visited = calloc(n_nodes + 1, sizeof *r->visited);
	if (r->visited == NULL)
		bc_config_error(r->c, "", "", NULL, "%s", bc_status_text(BC_ENOMEM));
	else if (root->type == YAML_MAPPING_NODE)
		read_mapping(r, root, "");
	else
		complain(r, line_of(root), "", NULL, "must be a mapping: lines of 'key: value'");
	free(r->visited);
}

static void parse(struct reader *r)
{
	yaml_parser_t parser;
	yaml_document_t document, next;
	if (!yaml_parser_initialize(&parser)) {
		bc_config_error(r->c, "", "", NULL, "%s", bc_status_text(BC_ENOMEM));
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->bytes, r->n_bytes);
	if (!yaml_parser_load(&parser, &document)) {
		complain_of_syntax(r, &parser);
		yaml_parser_delete(&parser);
		return;
	}
	r->document = &document;
	read_document(r);
	if (!yaml_parser_load(&parser, &next)) {
		complain_of_syntax(r, &parser);
	} else {
		yaml_node_t *root = yaml_document_get_root_node(&next);
		if (root != NULL)
			complain(r, line_of(root), "", NULL, "a second document; one file is one");
		yaml_document_delete(&next);
	}
	r->document = NULL;
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
}

/* Reads at most one byte more than the limit, so that a pipe that never ends ends here. */
static bool slurp(struct reader *r, FILE *f, const char *path)
{
	r->bytes = malloc(BC_CONFIG_FILE_MAX + 1);
	if (r->bytes == NULL) {
		bc_config_error(r->c, path, "", NULL, "%s", bc_status_text(BC_ENOMEM));
		return false;
	}
	r->n_bytes = fread(r->bytes, 1, BC_CONFIG_FILE_MAX + 1, f);
	if (ferror(f))
		bc_config_error(r->c, path, "", NULL, "%s", strerror(errno));
	else if (r->n_bytes > BC_CONFIG_FILE_MAX)
		bc_config_error(r->c, path, "", NULL, "larger than %u bytes; is it the right file?",
				BC_CONFIG_FILE_MAX);
	else
		return true;
	return false;
}

void bc_config_read_file(struct bc_config *c, const char *path)
{
	struct reader r = { .c = c };
	struct stat st;
	FILE *f = fopen(path, "re");
	if (f == NULL) {
		bc_config_error(c, path, "", NULL, "%s%s", strerror(errno),
				errno == ENOENT ? "; check the name given by --config" : "");
		return;
	}
	c->file = strdup(path);
	if (c->file == NULL)
		bc_config_error(c, path, "", NULL, "%s", bc_status_text(BC_ENOMEM));
	else if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
		bc_config_error(c, path, "", NULL, "is a directory; --config takes a file");
	else if (slurp(&r, f, path))
		parse(&r);
	free(r.bytes);
	fclose(f);
}
