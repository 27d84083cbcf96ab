# Turns files into one C source with a table of them:
#   cmake -DOUTPUT=embedded.c -DROOT=folder -DFILES=a,web/b -P embed.cmake
string(REPLACE "," ";" FILES "${FILES}")
set(arrays "")
set(table "")
set(number 0)
foreach(name IN LISTS FILES)
    file(READ "${ROOT}/${name}" hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}0x00};\n")
    string(APPEND table "    {\"${name}\", file_${number}, ${size}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}"
    "#include \"embedded.h\"\n\n${arrays}\nconst struct embedded_file embedded_files[] = {\n"
    "${table}    {0, 0, 0},\n};\n")
