package StandIn::Json;

# JSON with the order of an object's members kept, in the three spellings that the router's tools use.
#
#   object(name => value, …)   true, false   number(5)   everything else: undef, strings, array references
#   pretty  - `ubus call`: tabs, an empty list still takes three lines
#   compact - `ubus -S call`
#   spaced  - json-c: jsonfilter and jshn

use strict;
use Exporter 'import';
our @EXPORT_OK = qw(object number true false boolean pretty compact spaced parse get plain);

sub object { return bless [@_], 'StandIn::Json::Object' }
sub number { my ($text) = @_; return bless \$text, 'StandIn::Json::Number' }

my ($yes, $no) = map { my $text = $_; bless \$text, 'StandIn::Json::Boolean' } 'true', 'false';
sub true  { return $yes }
sub false { return $no }
sub boolean { return $_[0] ? $yes : $no }

# A member of an object, or undef.
sub get {
    my ($object, $name) = @_;
    return undef unless ref $object eq 'StandIn::Json::Object';
    for (my $i = 0; $i < @$object; $i += 2) { return $object->[ $i + 1 ] if $object->[$i] eq $name }
    return undef;
}

# As plain Perl data: hash references, 1 and 0, numbers.
sub plain {
    my ($value) = @_;
    my $kind = ref $value;
    return $value unless $kind;
    return [ map { plain($_) } @$value ] if $kind eq 'ARRAY';
    return $$value if $kind eq 'StandIn::Json::Number';
    return $$value eq 'true' ? 1 : 0 if $kind eq 'StandIn::Json::Boolean';
    my %hash;
    for (my $i = 0; $i < @$value; $i += 2) { $hash{ $value->[$i] } = plain($value->[ $i + 1 ]) }
    return \%hash;
}

my %escape = ("\b" => '\b', "\n" => '\n', "\t" => '\t', "\r" => '\r', '"' => '\"', '\\' => '\\\\');

sub quoted {
    my ($text) = @_;
    $text =~ s/([\x00-\x1f"\\])/$escape{$1} \/\/ sprintf '\u%04x', ord $1/ge;
    return "\"$text\"";
}

sub scalar_text {
    my ($value) = @_;
    return 'null' unless defined $value;
    return ref $value ? $$value : quoted($value);
}

sub pretty {
    my ($value, $depth) = @_;
    $depth //= 0;
    my $kind = ref $value;
    return scalar_text($value) unless $kind eq 'ARRAY' || $kind eq 'StandIn::Json::Object';
    my ($in, $out) = ("\t" x ($depth + 1), "\t" x $depth);
    my @parts;
    if ($kind eq 'ARRAY') {
        @parts = map { $in . pretty($_, $depth + 1) } @$value;
    } else {
        for (my $i = 0; $i < @$value; $i += 2) {
            push @parts, $in . quoted($value->[$i]) . ': ' . pretty($value->[ $i + 1 ], $depth + 1);
        }
    }
    my ($open, $close) = $kind eq 'ARRAY' ? ('[', ']') : ('{', '}');
    return "$open\n" . (@parts ? join(",\n", @parts) : $in) . "\n$out$close";
}

sub compact {
    my ($value) = @_;
    my $kind = ref $value;
    return '[' . join(',', map { compact($_) } @$value) . ']' if $kind eq 'ARRAY';
    return scalar_text($value) unless $kind eq 'StandIn::Json::Object';
    my @parts;
    for (my $i = 0; $i < @$value; $i += 2) { push @parts, quoted($value->[$i]) . ':' . compact($value->[ $i + 1 ]) }
    return '{' . join(',', @parts) . '}';
}

sub spaced {
    my ($value) = @_;
    my $kind = ref $value;
    if ($kind eq 'ARRAY') {
        return @$value ? '[ ' . join(', ', map { spaced($_) } @$value) . ' ]' : '[ ]';
    }
    return scalar_text($value) =~ s{/}{\\/}gr unless $kind eq 'StandIn::Json::Object';
    my @parts;
    for (my $i = 0; $i < @$value; $i += 2) {
        push @parts, quoted($value->[$i]) =~ s{/}{\\/}gr . ': ' . spaced($value->[ $i + 1 ]);
    }
    return @parts ? '{ ' . join(', ', @parts) . ' }' : '{ }';
}

# Dies with json-c's words for what is wrong.
sub parse {
    my ($text) = @_;
    pos($text) = 0;
    my $value = value(\$text);
    $text =~ /\G\s+/gc;
    return $value;
}

sub stop {
    my ($text, $otherwise) = @_;
    die((pos($$text) // 0) >= length $$text ? "unexpected end of data\n" : "$otherwise\n");
}

my %unescape = (b => "\b", n => "\n", t => "\t", r => "\r", f => "\f");

sub string {
    my ($text) = @_;
    $$text =~ /\G"((?:[^"\\]|\\.)*)"/gcs or do { pos($$text) = length $$text; stop($text, '') };
    my $string = $1;
    $string =~ s/\\(?:u([0-9a-fA-F]{4})|(.))/defined $1 ? utf8_char(hex $1) : $unescape{$2} \/\/ $2/ges;
    return $string;
}

sub utf8_char { my $char = chr $_[0]; utf8::encode($char); return $char }

sub value {
    my ($text) = @_;
    $$text =~ /\G\s+/gc;
    return list($text) if $$text =~ /\G\[/gc;
    return members($text) if $$text =~ /\G\{/gc;
    return string($text) if $$text =~ /\G(?=")/gc;
    return number($1) if $$text =~ /\G(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/gc;
    return $1 eq 'true' ? $yes : $1 eq 'false' ? $no : undef if $$text =~ /\G(true|false|null)\b/gc;
    stop($text, 'unexpected character');
}

sub list {
    my ($text) = @_;
    my @items;
    return \@items if $$text =~ /\G\s*\]/gc;
    while (1) {
        push @items, value($text);
        return \@items if $$text =~ /\G\s*\]/gc;
        $$text =~ /\G\s*,/gc or stop($text, 'array value separator \',\' expected');
    }
}

sub members {
    my ($text) = @_;
    my @members;
    return object() if $$text =~ /\G\s*\}/gc;
    while (1) {
        $$text =~ /\G\s*(?=")/gc or do { $$text =~ /\G\s+/gc; stop($text, 'quoted object property name expected') };
        push @members, string($text);
        $$text =~ /\G\s*:/gc or stop($text, 'object property name separator \':\' expected');
        push @members, value($text);
        return object(@members) if $$text =~ /\G\s*\}/gc;
        $$text =~ /\G\s*,/gc or stop($text, 'object value separator \',\' expected');
    }
}

1;
